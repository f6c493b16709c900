import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { InputError } from "../errors.js";
import { bundledFolder, findCatalogModel } from "./catalog.js";
import type { ProgressListener } from "./download.js";
import { hashFile } from "./hash.js";
import { type FileRecord, fileBytes, fileRecordSchema, isMissing, readJson, readRecord, recordPath } from "./record.js";
import { type HubSettings, readHubSettings } from "./settings.js";
import { parseHubRepository, parseLocalPath } from "./source.js";

/** Name of the file in a pulled model's folder that says what it holds; written last, so that it vouches for the rest. */
export const manifestName = "origin.json";

const modelFileSchema = fileRecordSchema.omit({ retrievedAt: true }).extend({
  /** Path in the model's folder, with `/`. */
  path: z.string(),
});

const manifestSchema = z.object({
  /** What was pulled: a name in the catalog, or `hf:OWNER/REPO[@REVISION]`. */
  source: z.string(),
  /** ISO 8601, UTC. */
  pulledAt: z.iso.datetime(),
  files: z.array(modelFileSchema),
});

/** One file of a pulled model, with its hash, size, origin and licence. */
export type ModelFile = z.infer<typeof modelFileSchema>;

/** A model that has been pulled. */
export interface Model extends z.infer<typeof manifestSchema> {
  /** Absolute path. */
  readonly folder: string;
}

/** The models that have been pulled, by folder name. */
export async function listModels(): Promise<Model[]> {
  const parent = join(readHubSettings().cacheFolder, "models");
  const folders = (await readTree(parent, false)).sort().map((name) => join(parent, name));
  const models: Model[] = [];
  for (const folder of folders) {
    const manifest = await readManifest(folder);
    if (manifest) models.push({ ...manifest, folder });
  }
  return models;
}

/** A file of the cache, with its record. */
export interface CachedFile extends FileRecord {
  /** Absolute path. */
  readonly path: string;
}

/** Every file that has been downloaded, whether for a model or alone, by path: the licence report. */
export async function listCachedFiles(): Promise<CachedFile[]> {
  const { cacheFolder } = readHubSettings();
  const ending = recordPath("");
  const files: CachedFile[] = [];
  for (const name of (await readTree(cacheFolder, true)).filter((name) => name.endsWith(ending)).sort()) {
    const path = join(cacheFolder, name.slice(0, -ending.length));
    const record = await readRecord(path);
    if (record) files.push({ ...record, path });
  }
  return files;
}

/** Whether one file of a model still is what was pulled. */
export interface Verification {
  /** Path in the model's folder. */
  readonly path: string;
  readonly expected: string;
  /** Hash of what is there; undefined if the file is missing. */
  readonly found: string | undefined;
  readonly isIntact: boolean;
}

/**
 * Hashes every file of a pulled model again.
 * @param nameOrFolder a name in the catalog, `hf:OWNER/REPO[@REVISION]`, or the path of a model's folder
 * @throws InputError if nothing was pulled there
 */
export async function verifyModel(
  nameOrFolder: string,
  options: { signal?: AbortSignal; onProgress?: ProgressListener } = {},
): Promise<Verification[]> {
  const { folder, files } = await findModel(nameOrFolder);
  const totalBytes = files.reduce((sum, file) => sum + file.bytes, 0);
  let receivedBytes = 0;
  const results: Verification[] = [];
  for (const { path, bytes, sha256: expected } of files) {
    const absolute = join(folder, path);
    const isThere = (await fileBytes(absolute)) !== undefined;
    const found = isThere ? await hashFile(absolute, "sha256", options.signal) : undefined;
    results.push({ path, expected, found, isIntact: found === expected });
    receivedBytes += bytes;
    options.onProgress?.({ file: path, receivedBytes, totalBytes });
  }
  return results;
}

/**
 * What is known of a pulled model.
 * @param nameOrFolder as for {@link verifyModel}
 * @throws InputError if nothing was pulled there
 */
export async function findModel(nameOrFolder: string): Promise<Model> {
  const folder =
    bundledFolder(nameOrFolder) ?? pulledFolder(readHubSettings(), nameOrFolder) ?? parseLocalPath(nameOrFolder);
  const manifest = await readManifest(folder);
  if (!manifest) {
    throw new InputError(
      `"${nameOrFolder}" has not been pulled: there is no ${manifestName} in ${folder}; ` +
        "pull a name of the catalog or hf:OWNER/REPO first",
    );
  }
  return { ...manifest, folder };
}

/** Folder in which the cache assembles a named model or a repository; undefined if `source` is neither, or ships with this package. */
export function pulledFolder(settings: HubSettings, source: string): string | undefined {
  const parent = join(settings.cacheFolder, "models");
  const named = findCatalogModel(source);
  if (named) return named.bundled === undefined ? join(parent, source) : undefined;
  if (!source.startsWith("hf:")) return undefined;
  const { repository, revision } = parseHubRepository(source);
  const suffix = revision === "main" ? "" : `@${encodeURIComponent(revision)}`;
  return join(parent, repository.replace("/", "--") + suffix);
}

/** What a model's folder holds, or undefined if it was not pulled, or not to the end. */
export async function readManifest(folder: string): Promise<z.infer<typeof manifestSchema> | undefined> {
  return manifestSchema.safeParse(await readJson(join(folder, manifestName))).data;
}

async function readTree(folder: string, recursive: boolean): Promise<string[]> {
  try {
    return await readdir(folder, { recursive });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
