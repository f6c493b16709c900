import { unzipSync } from "fflate";
import { beforeAll, expect, it } from "vitest";
import type { ImageMetadata } from "../../src/server/api/types.js";
import type { Server } from "../../src/server/server.js";
import { fakeServer, finishedGeneration, newIdentity } from "./fake-parts.js";

let server: Server;
let generation: string;
let metadata: ImageMetadata;
beforeAll(async () => {
  server = await fakeServer();
  generation = await finishedGeneration(server, await newIdentity(server));
  const shown = (await (await server.app.request(`/api/v1/generations/${generation}`)).json()) as {
    images: { url: string }[];
  };
  metadata = (await (await server.app.request(`${shown.images[0]!.url}/metadata`)).json()) as ImageMetadata;
});

const get = async (headers: Record<string, string> = {}, query = "") =>
  server.app.request(metadata.url + query, { headers });

it("an image comes with its hash, and not again if the client has it", async () => {
  const answer = await get();
  const etag = `"${metadata.sha256}"`;
  expect([answer.status, answer.headers.get("etag"), answer.headers.get("content-length")]).toEqual([
    ...[200, etag, String(metadata.bytes)],
  ]);
  expect(answer.headers.get("cache-control")).toBe("private, no-cache");
  expect((await answer.arrayBuffer()).byteLength).toBe(metadata.bytes);
  expect((await get({ "If-None-Match": `"x", W/${etag}` })).status).toBe(304);
});

it("parts of an image can be had, while it is the same", async () => {
  const whole = new Uint8Array(await (await get()).arrayBuffer());
  const part = await get({ Range: "bytes=1-3" });
  expect([part.status, part.headers.get("content-range")]).toEqual([206, `bytes 1-3/${metadata.bytes}`]);
  expect(new Uint8Array(await part.arrayBuffer())).toEqual(whole.slice(1, 4));
  expect((await get({ Range: "bytes=1-3", "If-Range": `"${metadata.sha256}"` })).status).toBe(206);
  expect((await get({ Range: "bytes=1-3", "If-Range": '"other"' })).status).toBe(200);
  const beyond = await get({ Range: `bytes=${metadata.bytes}-` });
  expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, `bytes */${metadata.bytes}`]);
});

it("metadata says how the image was made, and how similar it is", () => {
  expect(metadata).toMatchObject({ generation, seed: 7, similarity: 0.75, threshold: 0.4, verdict: "same" });
  expect(metadata.record).toMatchObject({ version: 1, seed: 7, steps: 2 });
});

it("is saved under a name of the server's choice", async () => {
  const { headers } = await get({}, "?download=1");
  expect(headers.get("content-disposition")).toBe('attachment; filename="arc2face-7.png"');
  expect((await get()).headers.get("content-disposition")).toBeNull();
});

it("all images of a generation come as a zip that can be opened", async () => {
  const answer = await server.app.request(`/api/v1/generations/${generation}/archive`);
  const files = unzipSync(new Uint8Array(await answer.arrayBuffer()));
  expect(Object.keys(files)).toEqual(["7.png", "8.png"]);
  expect(files["7.png"]).toEqual(new Uint8Array(await (await get()).arrayBuffer()));
});

it("HEAD opens nothing: neither a file, nor a place among those who watch", async () => {
  const head = (path: string) => server.app.request(path, { method: "HEAD" });
  const image = await head(metadata.url);
  expect([image.status, image.headers.get("content-length"), image.body]).toEqual([200, String(metadata.bytes), null]);
  expect((await head(`/api/v1/generations/${generation}/events`)).status).toBe(200);
  expect(await (await server.app.request("/metrics")).text()).toMatch(/^arc2face_event_streams 0$/m);
});
