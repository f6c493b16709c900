import { pathToFileURL } from "node:url";
import { CheckpointError, DownloadError, InputError } from "../errors.js";
import type { DownloadOptions } from "./download.js";
import { hashFile } from "./hash.js";
import { fetchRepositoryFile, hubCachePath, readCachedCommit, readRepository } from "./hugging-face.js";
import { fetchPackageFile, npmCachePath } from "./npm.js";
import { type FileRecord, fileBytes, readRecord, unstatedLicence } from "./record.js";
import { type HubSettings, readHubSettings } from "./settings.js";
import { type HubFile, type NpmFile, parseFileSource } from "./source.js";

export interface ResolveOptions extends DownloadOptions {
  /** What the file must hash to, as hexadecimal. */
  readonly sha256?: string | undefined;
}

/** A file that is on this machine. */
export interface ResolvedFile {
  /** Absolute path. */
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  /** What was asked for, with a revision replaced by its commit. */
  readonly source: string;
  /** Where it came from: a URL at an immutable revision, `npm:NAME@VERSION/path`, or a `file:` URL. */
  readonly origin: string;
  /** Licence as its repository states it; "see repository" if it states none. */
  readonly licence: string;
}

/**
 * Brings a file to this machine, verified, unless it is there, and says where it came from.
 * @param source `hf:OWNER/REPO[@REVISION]/path`, `npm:NAME@VERSION/path/inside/package` or `file:PATH`
 * @throws InputError if the source is malformed or names a local file that is not there, DownloadError if it cannot be
 * had or has the wrong hash, CheckpointError if a local file has the wrong hash
 */
export async function resolveFile(source: string, options: ResolveOptions = {}): Promise<ResolvedFile> {
  const sha256 = options.sha256?.toLowerCase();
  const parsed = parseFileSource(source);
  if (parsed.kind === "file") return resolveLocalFile(parsed.path, sha256, options.signal);
  const settings = readHubSettings();
  const { path, record } =
    parsed.kind === "hf"
      ? await resolveHubFile(parsed, sha256, settings, options)
      : await resolvePackageFile(parsed, sha256, settings, options);
  const { bytes, origin, licence } = record;
  return { path, sha256: record.sha256, bytes, source: record.source, origin, licence };
}

async function resolveLocalFile(
  path: string,
  sha256: string | undefined,
  signal: AbortSignal | undefined,
): Promise<ResolvedFile> {
  const bytes = await fileBytes(path);
  if (bytes === undefined) throw new InputError(`There is no file ${path}; check the path`);
  const found = await hashFile(path, "sha256", signal);
  if (sha256 !== undefined && found !== sha256) {
    throw new CheckpointError(`${path}: expected sha256 ${sha256}, found ${found}; it is not the file that is meant`);
  }
  const origin = pathToFileURL(path).href;
  return { path, sha256: found, bytes, source: `file:${path}`, origin, licence: unstatedLicence };
}

async function resolveHubFile(
  source: HubFile,
  sha256: string | undefined,
  settings: HubSettings,
  options: ResolveOptions,
): Promise<{ path: string; record: FileRecord }> {
  const name = `hf:${source.repository}@${source.revision}/${source.path}`;
  const mayAsk = !settings.offline;
  if (!(options.refresh && mayAsk)) {
    const commit = await readCachedCommit(source, settings);
    const path = commit && hubCachePath(settings, source.repository, commit, source.path);
    const record = path ? await readRecord(path) : undefined;
    // A copy with another hash than the one asked for may be an older state of the branch.
    if (path && record && (sha256 ?? record.sha256) === record.sha256) return { path, record };
    if (!mayAsk) throw notCached(name);
  }
  const state = await readRepository(source, [source.path], settings, options);
  const file = state.files.find(({ path }) => path === source.path)!;
  // Large files announce their hash: a wrong one need not be downloaded.
  if (sha256 !== undefined && file.digest.algorithm === "sha256" && file.digest.hex !== sha256) {
    throw wrongHash(name, sha256, file.digest.hex);
  }
  const fetched = await fetchRepositoryFile(state, file, settings, options);
  if (sha256 !== undefined && fetched.record.sha256 !== sha256) throw wrongHash(name, sha256, fetched.record.sha256);
  return fetched;
}

async function resolvePackageFile(
  source: NpmFile,
  sha256: string | undefined,
  settings: HubSettings,
  options: ResolveOptions,
): Promise<{ path: string; record: FileRecord }> {
  const path = npmCachePath(settings, source);
  const record = await readRecord(path, options.refresh);
  if (record && (sha256 ?? record.sha256) === record.sha256) return { path, record };
  return fetchPackageFile(source, sha256, settings, options);
}

function notCached(name: string): DownloadError {
  return new DownloadError(`${name} is not cached and HF_HUB_OFFLINE is set; unset it, or pull the model while online`);
}

function wrongHash(name: string, expected: string, found: string): DownloadError {
  return new DownloadError(`${name}: expected sha256 ${expected}, found ${found}; check the revision`);
}
