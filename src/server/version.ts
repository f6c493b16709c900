import { readFileSync } from "node:fs";

/** The package's version. Its package.json lies two folders up, from the source and from the build. */
export const version: string = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
