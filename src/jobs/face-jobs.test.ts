import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { tinyWorkshop } from "../../test/support/jobs.js";
import { InputError, NoFaceError } from "../errors.js";
import type { FaceEmbedder } from "../face/embed.js";
import { encodePng } from "../image/encode.js";
import { type Image, solidImage } from "../image/image.js";
import { FolderStore } from "./folder-store.js";
import { parseTask } from "./input.js";
import type { Job } from "./job.js";
import { Pool } from "./pool.js";
import type { JobReporter } from "./queue.js";
import { createRunner, type Workshop } from "./runner.js";
import { type ResultStore, readStored } from "./store.js";
import { openWorkshop } from "./workshop.js";

let folder: string;
let store: ResultStore;
let embedded: number;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "face-jobs-"));
  store = new FolderStore(folder);
  embedded = 0;
});
afterEach(() => rm(folder, { recursive: true }));

/** Embeds by colour: [red, green, blue] of the first pixel; black shows nobody. */
const colours = {
  recogniser: { id: { name: "colours", sha256: "0" } },
  async embed({ data }: Image) {
    embedded++;
    const embedding = Float32Array.from(data.slice(0, 3));
    if (embedding.every((value) => value === 0)) throw new NoFaceError("no face was found; give a clearer photo");
    return { embedding, norm: 1, faceCount: 1, quality: { score: 1 } };
  },
  release: async () => undefined,
} as unknown as FaceEmbedder;

const workshop = (): Workshop => ({ ...tinyWorkshop(store), embedders: new Pool(async () => colours) });
const putPhoto = async (name: string, rgb: [number, number, number]) =>
  store.write(`photos/${name}.png`, await encodePng(solidImage(16, 16, rgb)), "image/png");

function start(kind: "embed" | "evaluate", input: unknown, signal = new AbortController().signal) {
  const job: Job = { ...parseTask(kind, input), id: "one", status: "running", createdAtMs: 0, attempts: 1, files: [] };
  const files: string[] = [];
  const reporter: JobReporter = {
    signal,
    progress: () => undefined,
    preview: () => undefined,
    file: async ({ key }) => void files.push(key),
    advance: async () => undefined,
  };
  return createRunner(workshop())(job, reporter).then(() => files);
}

it("embeds photos, names those that show nobody, and does none twice", async () => {
  await putPhoto("red", [255, 0, 0]);
  await putPhoto("black", [0, 0, 0]);
  await store.write("photos/broken.png", new Uint8Array([1, 2, 3]), "image/png");
  const photos = ["red", "black", "broken"].map((name) => `photos/${name}.png`);
  // As another attempt left it.
  await store.write(
    "jobs/one/parts/0.json",
    Buffer.from('{"photo":"photos/red.png","embedding":[9]}'),
    "application/json",
  );
  expect(await start("embed", { photos })).toEqual(["jobs/one/embeddings.json"]);
  const result = JSON.parse(Buffer.from(await readStored(store, "jobs/one/embeddings.json")).toString());
  expect(result).toMatchObject({
    recogniser: { name: "colours" },
    photos: [
      { photo: "photos/red.png", embedding: [9] },
      { photo: "photos/black.png", error: { code: "ERR_NO_FACE" } },
      { photo: "photos/broken.png", error: { code: "ERR_INPUT" } },
    ],
  });
  expect(embedded).toBe(1);
  expect(await store.stat("jobs/one/parts/0.json")).toBeUndefined();
  await start("embed", { photos });
  expect(embedded).toBe(1);
});

it("evaluates a recogniser on pairs of stored photos", async () => {
  await putPhoto("red", [255, 0, 0]);
  await putPhoto("dark-red", [100, 0, 0]);
  await putPhoto("blue", [0, 0, 255]);
  const pair = (first: string, second: string, same: boolean) => ({
    first: `photos/${first}.png`,
    second: `photos/${second}.png`,
    same,
  });
  const pairs = [pair("red", "dark-red", true), pair("red", "blue", false), pair("dark-red", "red", true)];
  expect(await start("evaluate", { pairs: [...pairs, pair("blue", "dark-red", false)], folds: 2 })).toEqual([
    "jobs/one/verification.json",
  ]);
  const result = JSON.parse(Buffer.from(await readStored(store, "jobs/one/verification.json")).toString());
  expect(result).toMatchObject({ pairs: 4, accuracy: 1, auc: 1, photos: 3 });
});

it("says which photo is not there, and stops when told", async () => {
  await expect(start("embed", { photos: ["photos/none.png"] })).rejects.toThrow(/no stored file photos\/none.png/);

  await expect(start("embed", { photos: ["photos/none.png"] }, AbortSignal.abort(new Error("stop")))).rejects.toThrow(
    "stop",
  );
});

it("takes no name from a job for a path or an address", async () => {
  const { models, embedders } = openWorkshop({ store, models: new Map([["tiny", "/models/tiny"]]) });
  for (const name of ["/models/tiny", "../tiny", "hf:someone/model", "mini"])
    await expect(models.load(name)).rejects.toThrow(/no model .* here; there are tiny/);
  await expect(openWorkshop({ store }).models.load("/etc")).rejects.toThrow(InputError);
  await expect(embedders.load("https://example.org/x.onnx")).rejects.toThrow(/no recogniser/);
});
