import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type { Context } from "hono";
import type { ByteRange, ResultStore } from "../jobs/store.js";

/**
 * What an answer with bytes says to caches. They must ask each time, which costs little as nothing is sent again: after an
 * identity is deleted, no browser should go on showing the face.
 */
const cacheControl = "private, no-cache";

/** A few bytes as an answer; nothing, if the client has them. */
export function respondBytes(c: Context, bytes: Uint8Array, contentType: string): Response {
  const etag = `"${createHash("sha256").update(bytes).digest("hex")}"`;
  const headers = { ETag: etag, "Cache-Control": cacheControl, "Content-Type": contentType };
  if (matches(c.req.header("if-none-match"), etag)) return c.body(null, 304, headers);
  return c.body(bytes as Uint8Array<ArrayBuffer>, 200, headers);
}

export interface StoredBytes {
  readonly storeKey: string;
  readonly bytes: number;
  /** Of the content, hexadecimal. */
  readonly sha256: string;
  readonly contentType: string;
  /** Offered to whoever saves the file; undefined: show it. */
  readonly downloadName: string | undefined;
}

/** A stored file, or the part of it that the client asks for. Source: RFC 9110, sections 13 and 14; one range at most. */
export async function respondStored(c: Context, store: ResultStore, file: StoredBytes): Promise<Response> {
  const etag = `"${file.sha256}"`;
  const headers: Record<string, string> = {
    ETag: etag,
    "Cache-Control": cacheControl,
    "Accept-Ranges": "bytes",
    "Content-Type": file.contentType,
  };
  if (file.downloadName !== undefined) headers["Content-Disposition"] = `attachment; filename="${file.downloadName}"`;
  if (matches(c.req.header("if-none-match"), etag)) return c.body(null, 304, headers);
  const ifRange = c.req.header("if-range");
  const asked = ifRange === undefined || ifRange === etag ? c.req.header("range") : undefined;
  const range = asked === undefined ? undefined : parseRange(asked, file.bytes);
  if (range === "unsatisfiable") {
    return c.body(null, 416, { "Content-Range": `bytes */${file.bytes}` });
  }
  const length = range === undefined ? file.bytes : range.end - range.start + 1;
  headers["Content-Length"] = String(length);
  if (range !== undefined) headers["Content-Range"] = `bytes ${range.start}-${range.end}/${file.bytes}`;
  const status = range === undefined ? 200 : 206;
  // Nobody would close the file.
  if (c.req.method === "HEAD") return c.body(null, status, headers);
  // Opened before the status is sent, so that a file that is gone is an error.
  const content = await store.read(file.storeKey, range);
  return c.body(Readable.toWeb(content) as ReadableStream<Uint8Array>, status, headers);
}

/** @returns undefined if the header is to be ignored: it is malformed, or names several ranges */
export function parseRange(header: string, bytes: number): ByteRange | "unsatisfiable" | undefined {
  const [, from, to] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header) ?? [];
  if (from === undefined || to === undefined || (from === "" && to === "")) return undefined;
  if (from === "") {
    const length = Math.min(Number(to), bytes);
    return length === 0 ? "unsatisfiable" : { start: bytes - length, end: bytes - 1 };
  }
  const start = Number(from);
  if (to !== "" && Number(to) < start) return undefined;
  if (start >= bytes) return "unsatisfiable";
  return { start, end: to === "" ? bytes - 1 : Math.min(Number(to), bytes - 1) };
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.trim() === "*" || header.split(",").some((one) => one.trim().replace(/^W\//, "") === etag);
}
