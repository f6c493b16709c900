import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError } from "../errors.js";

/** A repository of the Hugging Face hub at a revision: a branch, a tag or a commit. */
export interface HubRepository {
  readonly kind: "hf";
  /** `OWNER/REPO` */
  readonly repository: string;
  readonly revision: string;
}

/** One file of a repository of the Hugging Face hub. */
export interface HubFile extends HubRepository {
  /** Path inside the repository, with `/`. */
  readonly path: string;
}

/** One file of a published npm package. */
export interface NpmFile {
  readonly kind: "npm";
  /** `NAME` or `@SCOPE/NAME` */
  readonly packageName: string;
  readonly version: string;
  /** Path inside the package, with `/`. */
  readonly path: string;
}

/** A file on this machine. */
export interface LocalFile {
  readonly kind: "file";
  /** Absolute path. */
  readonly path: string;
}

export type FileSource = HubFile | NpmFile | LocalFile;

/** Endings that the cache keeps for itself, beside the files. */
const reservedEndings = [".origin.json", ".partial"] as const;

const repositoryPattern = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;
const revisionPattern = /^[\w.-]+(\/[\w.-]+)*$/;
const packagePattern = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;
const versionPattern = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;

/**
 * Reads where a file comes from: `hf:OWNER/REPO[@REVISION]/path`, `npm:NAME@VERSION/path/inside/package` or `file:PATH`.
 * The revision defaults to `main`; a `/` in it is written `%2F`. A version is exact: what is resolved today is resolved
 * tomorrow.
 * @throws InputError if the source has another form, or its path leaves the repository or package
 */
export function parseFileSource(source: string): FileSource {
  if (source.startsWith("file:")) return { kind: "file", path: parseLocalPath(source) };
  const hub = /^hf:([^/@]+\/[^/@]+)(?:@([^/]+))?\/(.+)$/.exec(source);
  if (hub) return { ...hubRepository(source, hub[1]!, hub[2]), path: assertRelativePath(hub[3]!, source) };
  const npm = /^npm:((?:@[^/@]+\/)?[^/@]+)@([^/]+)\/(.+)$/.exec(source);
  if (npm) {
    const [packageName, version, path] = [npm[1]!, npm[2]!, npm[3]!];
    if (!packagePattern.test(packageName)) throw new InputError(`${source}: "${packageName}" is not a package name`);
    if (!versionPattern.test(version)) {
      throw new InputError(`${source}: "${version}" is not an exact version; write it as 1.2.3`);
    }
    return { kind: "npm", packageName, version, path: assertRelativePath(path, source) };
  }
  throw new InputError(
    `"${source}" is not a file source; write hf:OWNER/REPO[@REVISION]/path, npm:NAME@VERSION/path or file:PATH`,
  );
}

/**
 * Reads `hf:OWNER/REPO[@REVISION]`.
 * @throws InputError if the source has another form
 */
export function parseHubRepository(source: string): HubRepository {
  const parts = /^hf:([^/@]+\/[^/@]+)(?:@([^/]+))?\/?$/.exec(source);
  if (!parts) throw new InputError(`"${source}" is not a repository; write hf:OWNER/REPO[@REVISION]`);
  return hubRepository(source, parts[1]!, parts[2]);
}

/**
 * Returns `path` if it is a plain relative path with `/` that stays inside its folder on every platform.
 * @throws InputError naming `context` otherwise
 */
export function assertRelativePath(path: string, context: string): string {
  const segments = path.split("/");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  const unusable = /[\\:\u0000-\u001f]/.test(path);
  if (unusable || segments.some((segment) => segment === "" || segment === "." || segment === "..")) {
    throw new InputError(`${context}: "${path}" is not a plain relative path; "..", "\\", ":" and "//" are refused`);
  }
  if (reservedEndings.some((ending) => path.endsWith(ending))) {
    throw new InputError(`${context}: names ending in ${reservedEndings.join(" or ")} belong to the cache`);
  }
  return path;
}

/** The absolute path that `file:PATH`, `file:///PATH` or a plain path names; `~/` is the home folder. */
export function parseLocalPath(source: string): string {
  if (source.startsWith("file://")) return fileURLToPath(source);
  const path = source.startsWith("file:") ? source.slice("file:".length) : source;
  if (path === "") throw new InputError(`"${source}" names no file; write file:PATH`);
  if (path.startsWith("~/")) return join(homedir(), path.slice(2));
  return isAbsolute(path) ? path : resolve(path);
}

function hubRepository(source: string, repository: string, encodedRevision = "main"): HubRepository {
  if (!repositoryPattern.test(repository)) {
    throw new InputError(`${source}: "${repository}" is not OWNER/REPO`);
  }
  const revision = encodedRevision.replaceAll(/%2f/gi, "/");
  if (!revisionPattern.test(revision) || revision.includes("..")) {
    throw new InputError(`${source}: "${encodedRevision}" is not a branch, tag or commit`);
  }
  return { kind: "hf", repository, revision };
}
