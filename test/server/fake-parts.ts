import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll } from "vitest";
import { NoFaceError } from "../../src/errors.js";
import { decodeImage } from "../../src/image/decode.js";
import { encodeJpeg, encodePng } from "../../src/image/encode.js";
import { solidImage } from "../../src/image/image.js";
import { EmbeddedQueue } from "../../src/jobs/embedded-queue.js";
import { FolderStore } from "../../src/jobs/folder-store.js";
import { jobPrefix } from "../../src/jobs/job.js";
import type { RunJob } from "../../src/jobs/queue.js";
import type { AnalysedFace, FaceAnalyser } from "../../src/server/faces/analyser.js";
import { createServer, type Server, type ServerOptions } from "../../src/server/server.js";
import { fixture } from "../support/fixtures.js";

/** The recogniser that the tiny model was made for. */
export const recogniser = {
  name: "tiny-recogniser",
  sha256: "b8dc50bfe0cd4d3a1873bf42eed9b63714be2fe5a283a0616c0d3967440f7430",
};

/** 24 numbers of length 1, different for each face. */
export function embeddingOf(face: number): Float32Array {
  const values = Float32Array.from({ length: 24 }, (_, i) => Math.sin(1 + i * (face + 1)));
  const norm = Math.hypot(...values);
  return values.map((value) => value / norm);
}

/** Sees as many faces in a picture as its first pixel is red, up to 3; decodes for real. */
export class FakeAnalyser implements FaceAnalyser {
  constructor(private readonly maxPixels = 50e6) {}

  async describe() {
    return { recogniser, threshold: 0.4 };
  }

  async analyse(photo: Uint8Array) {
    const image = await decodeImage(photo, { name: "the photo", maxPixels: this.maxPixels });
    const count = Math.min(3, image.data[0]!);
    if (count === 0) throw new NoFaceError("no face was found in the photo; give another");
    const portrait = await encodeJpeg(solidImage(16, 16, [200, 150, 120]));
    const faces = Array.from(
      { length: count },
      (_, i): AnalysedFace => ({
        box: [i, 1, i + 10, 11],
        landmarks: Array.from({ length: 68 }, (_, k) => [k, i]),
        score: 0.9,
        quality: { score: 1 - i / 10, reasons: [] },
        embedding: embeddingOf(i),
        norm: 3,
        thumbnail: portrait,
        portrait,
      }),
    );
    return { widthPx: image.widthPx, heightPx: image.heightPx, faces };
  }

  async compare() {
    return { faceFound: true, similarity: 0.75 };
  }

  async release() {}
}

/** Passed before every step. */
export type Gate = (signal: AbortSignal) => Promise<void>;

/** A gate that nobody passes. */
export const shut: Gate = (signal) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

/** Makes small pictures of one colour, step by step. */
export function fakeRun(store: FolderStore, gate: Gate = async () => undefined): RunJob {
  return async (job, reporter) => {
    if (job.kind !== "generate") throw new Error(`a ${job.kind} job`);
    const { count, seed, steps } = job.input;
    for (let i = 0; i < count; i++) {
      const image = { identity: 0, seed: seed! + i };
      for (let step = 1; step <= steps!; step++) {
        await gate(reporter.signal);
        await sleep(1);
        reporter.signal.throwIfAborted();
        reporter.progress({ unit: "images", done: i, total: count, step, steps: steps!, images: [image] });
        reporter.preview({ ...image, step, steps: steps!, png: await encodePng(solidImage(4, 4, [step, 0, 0])) });
      }
      const png = await encodePng(solidImage(8, 8, [i, 0, 0]), { generation: record(image.seed, steps!) });
      const key = `${jobPrefix(job.id)}0-${image.seed}.png`;
      await store.write(key, png);
      await reporter.file({ key, contentType: "image/png", byteLength: png.length, ...image });
    }
  };
}

function record(seed: number, steps: number) {
  const hash = "0".repeat(64);
  const model = { unet: hash, encoder: hash, autoencoder: hash, loras: [] };
  const sampling = { sampler: "euler", steps, samplerOptions: {}, guidanceScale: 1 };
  return { version: 1, model, embedding: hash, seed, ...sampling, widthPx: 8, heightPx: 8 };
}

export interface FakeServerOptions extends Partial<ServerOptions> {
  readonly gate?: Gate;
  readonly maxQueued?: number;
}

const opened: Server[] = [];
const folders: string[] = [];

afterAll(async () => {
  await Promise.all(opened.map((server) => server.close({ drainMs: 0 })));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "arc2face-server-"));
  folders.push(folder);
  return folder;
}

/** A server whose pictures and faces are made up; its queue, tables, files and routes are the real ones. */
export async function fakeServer({ gate, maxQueued = 20, ...options }: FakeServerOptions = {}): Promise<Server> {
  const dataFolder = options.dataFolder ?? temporaryFolder();
  const store = new FolderStore(join(dataFolder, "results"));
  const database = join(dataFolder, "queue.db");
  const server = await createServer({
    dataFolder,
    port: 0,
    models: [{ name: "tiny", source: fixture("tiny") }],
    faces: new FakeAnalyser(),
    store,
    queue: new EmbeddedQueue({ database, store, run: fakeRun(store, gate), maxQueued }),
    sampler: async (count, seed = 11) => ({
      seed,
      embeddings: Array.from({ length: count }, (_, i) => embeddingOf(seed + i)),
      recogniser,
    }),
    log: (message, error) => console.error(message, error),
    ...options,
  });
  opened.push(server);
  return server;
}

/** A PNG in which {@link FakeAnalyser} sees that many faces. */
export function photoOf(faces: number): Promise<Uint8Array> {
  return encodePng(solidImage(20, 12, [faces, 0, 0]));
}

export function photoForm(bytes: Uint8Array, fileName = "photo.png"): FormData {
  const form = new FormData();
  form.set("photo", new File([bytes as Uint8Array<ArrayBuffer>], fileName, { type: "image/png" }));
  return form;
}

export function postJson(server: Server, path: string, body: unknown, headers: Record<string, string> = {}) {
  return server.app.request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

/** The id of a new identity. */
export async function newIdentity(server: Server, name = "Ada"): Promise<string> {
  const answer = await postJson(server, "/api/v1/identities", {
    name,
    consent: true,
    embedding: [...embeddingOf(0)],
    recogniser: recogniser.sha256,
  });
  return ((await answer.json()) as { id: string }).id;
}

/** The id of a generation that has ended. */
export async function finishedGeneration(server: Server, identity: string): Promise<string> {
  const answer = await postJson(server, "/api/v1/generations", { identity, count: 2, steps: 2, seed: 7 });
  const { id } = (await answer.json()) as { id: string };
  await (await server.app.request(`/api/v1/generations/${id}/events`)).text();
  return id;
}
