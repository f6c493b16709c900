import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

/*
 * Modules that start as a thread or a process of their own. Compiled, they are plain JavaScript. Run from the sources
 * (tests, development), they are TypeScript, and tsx has to be loaded first.
 */

const isSource = import.meta.url.endsWith(".ts");

/** The sibling module `name`, for `new Worker`. */
export function threadEntry(name: string): URL {
  const url = moduleUrl(name);
  if (!isSource) return url;
  // `--import tsx` does nothing in a thread, so the thread's first module registers it.
  const api = tsxUrl("./esm/api/index.mjs");
  const bootstrap = `import { register } from "${api}"; register(); await import("${url}");`;
  return new URL(`data:text/javascript,${encodeURIComponent(bootstrap)}`);
}

/** The sibling module `name`, for `fork`, with the arguments that Node needs. */
export function processEntry(name: string): { url: URL; execArgv: string[] } {
  return { url: moduleUrl(name), execArgv: isSource ? ["--import", tsxUrl("./loader.mjs").href] : [] };
}

function moduleUrl(name: string): URL {
  return new URL(`./${name}.${isSource ? "ts" : "js"}`, import.meta.url);
}

function tsxUrl(file: string): URL {
  return new URL(file, pathToFileURL(createRequire(import.meta.url).resolve("tsx")));
}
