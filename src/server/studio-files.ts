import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Context } from "hono";

interface StudioFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
  readonly etag: string;
}

/** By the path that a browser asks for. */
export type StudioFiles = ReadonlyMap<string, StudioFile>;

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".webp": "image/webp",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
};

/** Where the studio is built to: beside the server in the package, from the sources as from the build. */
export const studioFolder = fileURLToPath(new URL("../../dist/studio", import.meta.url));

/**
 * Reads all of the studio into memory, a few hundred kilobytes: what a request names is looked up there, and never a path
 * on the disk.
 */
export async function readStudio(folder: string = studioFolder): Promise<StudioFiles> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = new Map<string, StudioFile>();
  for (const entry of names) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = Uint8Array.from(await readFile(path));
    files.set(`/${relative(folder, path).split(sep).join("/")}`, {
      bytes,
      contentType: contentTypes[extname(path)] ?? "application/octet-stream",
      etag: `"${createHash("sha256").update(bytes).digest("base64url")}"`,
    });
  }
  return files;
}

const indexPath = "/index.html";
/** Vite names these after their content. */
const lasting = /^\/assets\//;

/** A file of the studio. Any other page is the studio, too, which has its own addresses; undefined if nothing fits. */
export function respondStudio(c: Context, files: StudioFiles): Response | undefined {
  const { path } = c.req;
  const isPage = !path.includes(".");
  const file = files.get(path) ?? (isPage ? files.get(indexPath) : undefined);
  if (!file) return isPage && path === "/" ? c.html(unbuiltPage) : undefined;
  const headers = {
    ETag: file.etag,
    "Content-Type": file.contentType,
    "Cache-Control": lasting.test(path) ? "public, max-age=31536000, immutable" : "no-cache",
  };
  if (c.req.header("if-none-match") === file.etag) return c.body(null, 304, headers);
  return c.body(file.bytes, 200, headers);
}

const unbuiltPage = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>arc2face</title></head>
<body><h1>arc2face</h1><p>The studio is not built: run <code>npm run build</code>. The API is described at
<a href="/docs">/docs</a>.</p></body></html>`;
