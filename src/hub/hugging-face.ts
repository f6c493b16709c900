import { link, mkdir, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { listFiles, modelInfo, pathsInfo } from "@huggingface/hub";
import { z } from "zod";
import { Arc2FaceError, DownloadError } from "../errors.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import { type DownloadOptions, downloadFile } from "./download.js";
import { type Digest, hashFile } from "./hash.js";
import { describeFailure, hubFetch } from "./http.js";
import { type FileRecord, isMissing, readJson, readRecord, unstatedLicence, writeRecord } from "./record.js";
import { TransientError, withRetries } from "./retry.js";
import type { HubSettings } from "./settings.js";
import { assertRelativePath, type HubRepository } from "./source.js";

/** What the hub says about a repository at one revision. */
export interface RepositoryState {
  readonly repository: string;
  /** The commit that the revision names now, 40 hexadecimal digits. */
  readonly commit: string;
  readonly licence: string;
  readonly files: readonly RepositoryFile[];
}

export interface RepositoryFile {
  readonly path: string;
  readonly bytes: number;
  /** sha256 of a file in large-file storage, git's object id of any other. */
  readonly digest: Digest;
}

const commitPattern = /^[0-9a-f]{40}$/;
const refSchema = z.object({ commit: z.string().regex(commitPattern) });
const cardSchema = z.object({
  license: z.union([z.string(), z.array(z.string()).nonempty()]).optional(),
  license_name: z.string().optional(),
});

/**
 * Asks the hub for the commit, the licence and the files of a repository.
 * @param paths only these files; all of them if not given
 * @throws DownloadError if the hub cannot be reached, or knows no such repository, revision or file
 */
export async function readRepository(
  { repository, revision }: HubRepository,
  paths: readonly string[] | undefined,
  settings: HubSettings,
  options: DownloadOptions,
): Promise<RepositoryState> {
  const state = await withRetries(async () => {
    try {
      return await askRepository(repository, revision, paths, settings, options.signal);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof TransientError || error instanceof Arc2FaceError) throw error;
      // The answer was cut, or came from something else, such as the login page of a network.
      const message = `${settings.endpoint} gives no readable answer about ${repository} (${describeFailure(error)})`;
      throw new TransientError(message, { cause: error });
    }
  }, options);
  const missing = paths?.find((path) => !state.files.some((file) => file.path === path));
  if (missing !== undefined) {
    throw new DownloadError(`hf:${repository}@${revision} has no file "${missing}"; check the path and the revision`);
  }
  await writeFileAtomic(refPath(settings, repository, revision), JSON.stringify({ commit: state.commit }));
  return state;
}

async function askRepository(
  repository: string,
  revision: string,
  paths: readonly string[] | undefined,
  settings: HubSettings,
  signal: AbortSignal | undefined,
): Promise<RepositoryState> {
  const call = { hubUrl: settings.endpoint, fetch: hubFetch(settings, signal) };
  const info = await modelInfo({ name: repository, revision, additionalFields: ["sha", "cardData"], ...call });
  if (!commitPattern.test(info.sha ?? "")) {
    throw new DownloadError(`${settings.endpoint} names no commit for ${repository}@${revision}; is it a hub?`);
  }
  const commit = info.sha;
  const files: RepositoryFile[] = [];
  const entries = paths
    ? await pathsInfo({ repo: repository, revision: commit, paths: [...paths], ...call })
    : listFiles({ repo: repository, revision: commit, recursive: true, ...call });
  for await (const { type, path, size, lfs, oid } of entries) {
    if (type !== "file") continue;
    // The listing comes from the repository's author, and its paths become paths on this machine.
    assertRelativePath(path, `hf:${repository}`);
    // Only buckets have entries without an object id, and a model is not one.
    const digest: Digest = lfs ? { algorithm: "sha256", hex: lfs.oid } : { algorithm: "git", hex: oid! };
    files.push({ path, bytes: lfs?.size ?? size, digest });
  }
  return { repository, commit, licence: readLicence(info.cardData), files };
}

/** The commit that a revision named when the hub was last asked, or undefined. */
export async function readCachedCommit(
  { repository, revision }: HubRepository,
  settings: HubSettings,
): Promise<string | undefined> {
  if (commitPattern.test(revision)) return revision;
  return refSchema.safeParse(await readJson(refPath(settings, repository, revision))).data?.commit;
}

/** Where the cache keeps a file of a repository at a commit. */
export function hubCachePath(settings: HubSettings, repository: string, commit: string, path: string): string {
  return join(settings.cacheFolder, "hf", repository, commit, path);
}

/**
 * Brings one file of a repository into the cache.
 * @returns its path and record
 * @throws DownloadError as {@link downloadFile}
 */
export async function fetchRepositoryFile(
  { repository, commit, licence }: RepositoryState,
  file: RepositoryFile,
  settings: HubSettings,
  options: DownloadOptions,
): Promise<{ path: string; record: FileRecord }> {
  const target = hubCachePath(settings, repository, commit, file.path);
  const cached = await readRecord(target, options.refresh);
  if (cached) return { path: target, record: cached };
  const url = `${settings.endpoint}/${repository}/resolve/${commit}/${encodePath(file.path)}`;
  if (!(await linkTwin(target, repository, file, settings))) {
    const { path: name, bytes, digest } = file;
    await downloadFile({ url, file: name, target, bytes, digest }, hubFetch(settings, options.signal), options);
  }
  const { algorithm, hex } = file.digest;
  const record: FileRecord = {
    source: `hf:${repository}@${commit}/${file.path}`,
    origin: url,
    licence,
    sha256: algorithm === "sha256" ? hex : await hashFile(target, "sha256", options.signal),
    bytes: file.bytes,
    retrievedAt: new Date().toISOString(),
  };
  await writeRecord(target, record);
  return { path: target, record };
}

/**
 * Links the same file of another cached commit, so that a commit which changes one text does not cost gigabytes.
 * @returns whether there was one
 */
async function linkTwin(
  target: string,
  repository: string,
  { path, digest }: RepositoryFile,
  settings: HubSettings,
): Promise<boolean> {
  if (digest.algorithm !== "sha256") return false;
  for (const commit of await readFolder(join(settings.cacheFolder, "hf", repository))) {
    const twin = hubCachePath(settings, repository, commit, path);
    if (twin === target || (await readRecord(twin, true))?.sha256 !== digest.hex) continue;
    await mkdir(dirname(target), { recursive: true });
    try {
      await link(twin, target);
      return true;
    } catch {
      // No hard links here, or another process was first: downloading settles both.
      return false;
    }
  }
  return false;
}

async function readFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function refPath(settings: HubSettings, repository: string, revision: string): string {
  return join(settings.cacheFolder, "hf", repository, "refs", `${encodeURIComponent(revision)}.json`);
}

function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** The licence in a model card's header; `other` carries its name in a second field. */
function readLicence(cardData: unknown): string {
  const card = cardSchema.safeParse(cardData).data;
  if (card?.license === undefined) return unstatedLicence;
  if (card.license === "other") return card.license_name ?? unstatedLicence;
  return [card.license].flat().join(", ");
}
