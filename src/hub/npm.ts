import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ReadEntry, Parser as TarParser } from "tar";
import { DownloadError } from "../errors.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import type { DownloadOptions } from "./download.js";
import { describeFailure } from "./http.js";
import { type FileRecord, unstatedLicence, writeRecord } from "./record.js";
import { TransientError, withRetries } from "./retry.js";
import type { HubSettings } from "./settings.js";
import type { NpmFile } from "./source.js";

/** A package that unpacks to more than this is refused: none that we know of is a tenth of it. */
const maxUnpackedBytes = 2 ** 30;

/** Where the cache keeps a file of a package. */
export function npmCachePath(settings: HubSettings, { packageName, version, path }: NpmFile): string {
  return join(settings.cacheFolder, "npm", packageName, version, path);
}

/** The fetch before. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Brings one file of an npm package into the cache, through the user's npm configuration: registry, tokens, proxy,
 * certificates, and npm's own cache, which spares the download when a second file is taken from the same package. The
 * tarball must have the integrity that the registry states. Only that file is written, and no script is run. Files that
 * are asked for at once are taken in turn, so that a package is downloaded once.
 * @param sha256 what the file must hash to, if known
 * @throws DownloadError if the package, version or file does not exist, cannot be had, or has another hash
 */
export function fetchPackageFile(
  source: NpmFile,
  sha256: string | undefined,
  settings: HubSettings,
  options: DownloadOptions,
): Promise<{ path: string; record: FileRecord }> {
  const fetched = last.then(() => fetchFile(source, sha256, settings, options));
  last = fetched.catch(() => undefined);
  return fetched;
}

async function fetchFile(
  source: NpmFile,
  sha256: string | undefined,
  settings: HubSettings,
  options: DownloadOptions,
): Promise<{ path: string; record: FileRecord }> {
  const spec = `${source.packageName}@${source.version}`;
  const name = `npm:${spec}/${source.path}`;
  const target = npmCachePath(settings, source);
  const config = { ...(await readNpmConfig()), ...(settings.offline ? { offline: true } : {}) };
  // npm's own code is large; it is loaded only when something is fetched.
  const [{ default: pacote }, { Parser }] = await Promise.all([import("pacote"), import("tar")]);
  const record = await withRetries(async () => {
    // Stops the transfer when an entry is refused; pacote has no other means.
    const refusal = new AbortController();
    const signal = AbortSignal.any([refusal.signal, ...(options.signal ? [options.signal] : [])]);
    const npmOptions = { ...config, signal, fullMetadata: true as const, packumentCache: new Map() };
    try {
      const manifest = await pacote.manifest(spec, npmOptions);
      const { _integrity: integrity, _resolved: resolved } = manifest;
      if (!integrity) throw new DownloadError(`${name}: the registry states no integrity, so it cannot be verified`);
      let content = { sha256: "", bytes: 0 };
      await writeFileAtomic(target, async (file) => {
        const extract = (tarball: NodeJS.ReadableStream) => {
          const listener = packageProgress(source.path, manifest.dist.unpackedSize, options);
          return extractFile(Parser, tarball, source.path, name, file, listener);
        };
        content = await pacote.tarball.stream(spec, extract, { ...npmOptions, integrity, resolved });
        if (sha256 !== undefined && content.sha256 !== sha256) {
          throw new DownloadError(`${name}: expected sha256 ${sha256}, found ${content.sha256}; it is not kept`);
        }
      });
      const licence = readLicence(manifest.license);
      return { source: name, origin: name, licence, ...content, retrievedAt: new Date().toISOString() };
    } catch (error) {
      options.signal?.throwIfAborted();
      refusal.abort();
      throw explainFailure(error, name);
    }
  }, options);
  await writeRecord(target, record);
  return { path: target, record };
}

/** The settings that npm itself would use here, from its environment variables and every .npmrc. */
async function readNpmConfig(): Promise<Record<string, unknown>> {
  const { default: Config } = await import("@npmcli/config");
  const { default: npmDefinitions } = await import("@npmcli/config/lib/definitions/index.js");
  const node = dirname(process.execPath);
  const modules = process.platform === "win32" ? join(node, "node_modules") : join(node, "..", "lib", "node_modules");
  // The reader writes npm_config_* into the environment it is given, for child processes that we do not have.
  const env = { ...process.env };
  const config = new Config({ ...npmDefinitions, npmPath: join(modules, "npm"), argv: [], env, warn: false });
  await config.load();
  // Flattening sets these in this very process, again for child processes.
  const [mode, userAgent] = [process.env.NODE_ENV, process.env.npm_config_user_agent];
  const { flat } = config;
  restoreEnv("NODE_ENV", mode);
  restoreEnv("npm_config_user_agent", userAgent);
  return flat;
}

function restoreEnv(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

/**
 * Copies one file of a tarball into an open file. Listens from the moment it is called: a tarball that npm's cache lacks
 * fails at once.
 * @returns its hash and size, once the whole tarball has been read and verified
 */
function extractFile(
  Parser: typeof TarParser,
  tarball: NodeJS.ReadableStream,
  path: string,
  name: string,
  file: FileHandle,
  onUnpacked: (bytes: number) => void,
): Promise<{ sha256: string; bytes: number }> {
  return new Promise((resolve, reject) => {
    let unpackedBytes = 0;
    let copy: Promise<{ sha256: string; bytes: number }> | undefined;
    const parser = new Parser({
      strict: true,
      onReadEntry: (entry) => {
        unpackedBytes += entry.size;
        if (unpackedBytes > maxUnpackedBytes) {
          reject(new DownloadError(`${name}: the package unpacks to more than ${maxUnpackedBytes} bytes; refused`));
          return;
        }
        // npm drops the first folder of every path. Links are not followed: an entry of another type is not the file.
        const isWanted = entry.path.replace(/^[^/]*\//, "") === path && /File$/.test(entry.type);
        if (!isWanted || copy !== undefined) {
          entry.on("data", (chunk) => onUnpacked(chunk.length));
          return;
        }
        copy = copyEntry(entry, file, onUnpacked);
        copy.catch(reject);
      },
    });
    parser.on("error", reject);
    tarball.on("error", reject);
    // The end of the tarball comes after its integrity has been checked; a wrong one is an error instead.
    parser.on("end", () => {
      if (copy === undefined) reject(new DownloadError(`${name}: the package has no such file; check the path`));
      else copy.then(resolve, reject);
    });
    tarball.pipe(parser as unknown as NodeJS.WritableStream);
  });
}

async function copyEntry(
  entry: ReadEntry,
  file: FileHandle,
  onUnpacked: (bytes: number) => void,
): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  // A second attempt finds what the first one wrote.
  await file.truncate(0);
  for await (const chunk of entry) {
    hash.update(chunk);
    await file.write(chunk, 0, chunk.length, bytes);
    bytes += chunk.length;
    onUnpacked(chunk.length);
  }
  return { sha256: hash.digest("hex"), bytes };
}

/** Turns unpacked pieces into progress. A package comes whole, so its unpacked size is what is waited for. */
function packageProgress(
  file: string,
  unpackedSize: number | undefined,
  { onProgress }: DownloadOptions,
): (bytes: number) => void {
  let receivedBytes = 0;
  return (bytes) => {
    receivedBytes += bytes;
    onProgress?.({ file, receivedBytes, totalBytes: Math.max(unpackedSize ?? 0, receivedBytes) });
  };
}

const transientCodes = new Set(["ECONNRESET", "ETIMEDOUT", "EPIPE", "EIDLETIMEOUT", "ERR_STREAM_PREMATURE_CLOSE"]);

/** Says what npm's error means for the one who asked for `name`. */
function explainFailure(error: unknown, name: string): unknown {
  if (!(error instanceof Error) || error instanceof DownloadError) return error;
  const { code, expected, found } = error as NodeJS.ErrnoException & { expected?: unknown; found?: unknown };
  if (code === "E404" || code === "ETARGET") {
    return new DownloadError(`${name}: the registry has no such package or version; check the name`, { cause: error });
  }
  if (code === "EINTEGRITY") {
    const message = `${name}: the package has the wrong hash: expected ${expected}, found ${found}; it is not kept`;
    return new DownloadError(message, { cause: error });
  }
  if (code === "ENOTCACHED") {
    const message = `${name} is not in npm's cache, and HF_HUB_OFFLINE or npm's offline setting is on; turn it off`;
    return new DownloadError(message, { cause: error });
  }
  const message = `${name}: the registry failed (${describeFailure(error)})`;
  if (transientCodes.has(code ?? "")) return new TransientError(message, { cause: error });
  return new DownloadError(`${message}; check npm's registry, proxy and certificate settings`, { cause: error });
}

function readLicence(stated: unknown): string {
  if (typeof stated === "string" && stated !== "") return stated;
  // The form of packages older than SPDX expressions.
  const type = (stated as { type?: unknown } | null | undefined)?.type;
  return typeof type === "string" ? type : unstatedLicence;
}
