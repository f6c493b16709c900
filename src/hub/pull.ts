import { randomBytes } from "node:crypto";
import { copyFile, link, mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CheckpointError, DownloadError, InputError } from "../errors.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import { bundledFolder, type CatalogModel, catalog, catalogParts, findCatalogModel } from "./catalog.js";
import { fetchRepositoryFile, readRepository } from "./hugging-face.js";
import { type Model, type ModelFile, manifestName, pulledFolder, readManifest } from "./models.js";
import { fileBytes, unstatedLicence } from "./record.js";
import { type ResolveOptions, resolveFile } from "./resolve.js";
import { readHubSettings } from "./settings.js";
import { parseHubRepository, parseLocalPath } from "./source.js";

export interface PullOptions extends Omit<ResolveOptions, "sha256"> {
  /** Optional parts of a named model, such as `controlnet`; parts pulled before stay. */
  readonly parts?: readonly string[] | undefined;
  /** Which files of a repository to take, by path; {@link selectModelFiles} decides if not given. What an earlier pull took beyond them is removed. */
  readonly include?: ((path: string) => boolean) | undefined;
}

/**
 * Brings a model to this machine as a folder in its official layout: `models/NAME` in the cache, with what it holds and
 * where that came from in `origin.json`. What is there already is not fetched again.
 * @param source a name in the catalog, or `hf:OWNER/REPO[@REVISION]`
 * @throws InputError if the name or a part is unknown, or the model ships with this package; DownloadError if a file
 * cannot be had or has the wrong hash
 */
export async function pullModel(source: string, options: PullOptions = {}): Promise<Model> {
  if (bundledFolder(source)) throw new InputError(`${source} ships with this package; there is nothing to pull`);
  const folder = pulledFolder(readHubSettings(), source);
  const named = findCatalogModel(source);
  if (folder && named) return pullCatalogModel(named, folder, options);
  if (folder) return pullRepository(source, folder, options);
  const names = catalog.map(({ name }) => name).join(", ");
  throw new InputError(`There is no model named "${source}"; the names are ${names}, or write hf:OWNER/REPO`);
}

/**
 * The folder of a model: a local one as it is; a named model or a repository after pulling what is missing of it.
 * @param source a name in the catalog, `hf:OWNER/REPO[@REVISION]`, `file:PATH` or the path of a folder; a folder that is
 * called like a model of the catalog is written `./NAME`
 * @returns its absolute path
 * @throws InputError if there is no such folder, CheckpointError if the package lacks a model that ships with it; and as
 * {@link pullModel}
 */
export async function resolveFolder(source: string, options: PullOptions = {}): Promise<string> {
  const bundled = bundledFolder(source);
  if (bundled !== undefined) {
    if (await isFolder(bundled)) return bundled;
    throw new CheckpointError(`the package has no folder ${bundled}, which is the model ${source}; install it again`);
  }
  if (pulledFolder(readHubSettings(), source)) return (await pullModel(source, options)).folder;
  const folder = parseLocalPath(source);
  if (!(await isFolder(folder))) {
    const names = catalog.map(({ name }) => name).join(", ");
    throw new InputError(`There is no folder ${folder}; give a model folder, hf:OWNER/REPO, or one of ${names}`);
  }
  return folder;
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}

async function pullCatalogModel(model: CatalogModel, folder: string, options: PullOptions): Promise<Model> {
  const parts = catalogParts(model);
  const unknown = options.parts?.find((part) => !parts.includes(part));
  if (unknown !== undefined) {
    const known = parts.length > 0 ? `its parts are ${parts.join(", ")}` : "it has no optional parts";
    throw new InputError(`${model.name} has no part "${unknown}"; ${known}`);
  }
  const present = (await readManifest(folder))?.files ?? [];
  const held = new Map(present.map((file) => [file.path, file]));
  const fetched: FetchedFile[] = [];
  for (const { path, part, source, licence, sha256 } of model.files) {
    const old = held.get(path);
    const isWanted = old || part === undefined || options.parts?.includes(part);
    if (!isWanted) continue;
    if (old && !options.refresh && (await fileBytes(join(folder, path))) === old.bytes) continue;
    const { path: cached, ...origin } = await resolveFile(source, { ...options, sha256 });
    const stated = origin.licence === unstatedLicence ? licence : origin.licence;
    fetched.push({ cached, file: { ...origin, path, licence: stated } });
  }
  return assemble(folder, model.name, present, fetched);
}

async function pullRepository(source: string, folder: string, options: PullOptions): Promise<Model> {
  const repository = parseHubRepository(source);
  const settings = readHubSettings();
  const present = await readManifest(folder);
  const mustAsk = !settings.offline && (options.refresh || options.include);
  if (present && !mustAsk && (await isWhole(folder, present.files))) return { ...present, folder };
  if (settings.offline) {
    throw new DownloadError(`${source} is not cached and HF_HUB_OFFLINE is set; unset it, or pull it while online`);
  }
  const state = await readRepository(repository, undefined, settings, options);
  const paths = state.files.map(({ path }) => path);
  const selected = new Set(options.include ? paths.filter(options.include) : selectModelFiles(paths));
  selected.delete(manifestName);
  if (selected.size === 0) throw new InputError(`${source} holds no model files; give a model repository`);
  const fetched: FetchedFile[] = [];
  for (const file of state.files.filter(({ path }) => selected.has(path))) {
    const { path: cached, record } = await fetchRepositoryFile(state, file, settings, options);
    const { retrievedAt: _, ...origin } = record;
    fetched.push({ cached, file: { ...origin, path: file.path } });
  }
  for (const { path } of present?.files ?? []) if (!selected.has(path)) await rm(join(folder, path), { force: true });
  return assemble(folder, source, [], fetched);
}

/**
 * The files of a repository that a model folder is read from: configurations, weights and texts. Of the same weights in
 * two forms the safetensors are taken; half-precision and non-EMA copies are not, nor the single-file copy of a whole
 * pipeline at the root.
 */
export function selectModelFiles(paths: readonly string[]): string[] {
  const isPipeline = paths.includes("model_index.json");
  const isSafetensors = (path: string) => path.endsWith(".safetensors");
  const foldersWithSafetensors = new Set(paths.filter(isSafetensors).map(dirname));
  return paths.filter((path) => {
    if (/\.(fp16|non_ema)\./.test(path)) return false;
    if (isPipeline && isSafetensors(path) && !path.includes("/")) return false;
    if (path.endsWith(".bin")) return !foldersWithSafetensors.has(dirname(path));
    return /\.(json|safetensors|onnx|onnx_data|txt|md)$/.test(path) || /^LICEN[CS]E/.test(path);
  });
}

async function isWhole(folder: string, files: readonly ModelFile[]): Promise<boolean> {
  for (const { path, bytes } of files) if ((await fileBytes(join(folder, path))) !== bytes) return false;
  return true;
}

/** A file of a model that is in the cache, and not yet in the model's folder. */
interface FetchedFile {
  readonly cached: string;
  readonly file: ModelFile;
}

/** Puts files into a model's folder beside those it holds. All are fetched by then: a model is not left half new. */
async function assemble(
  folder: string,
  source: string,
  held: readonly ModelFile[],
  fetched: readonly FetchedFile[],
): Promise<Model> {
  for (const { cached, file } of fetched) await placeFile(cached, join(folder, file.path));
  const files = new Map([...held, ...fetched.map(({ file }) => file)].map((file) => [file.path, file]));
  const manifest = { source, pulledAt: new Date().toISOString(), files: [...files.values()] };
  await writeFileAtomic(join(folder, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
  return { ...manifest, folder };
}

/** Makes `to` the same file as `from`: a hard link, or a copy where the file system has none. Replaces `to` at once. */
async function placeFile(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const beside = `${to}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`;
  try {
    await link(from, beside).catch(() => copyFile(from, beside));
    await rename(beside, to);
  } finally {
    // Renaming a link over a link to the same file does nothing, and leaves both.
    await rm(beside, { force: true });
  }
}
