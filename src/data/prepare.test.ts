import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "tar";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CheckpointError, InputError } from "../errors.js";
import { encodePng } from "../image/encode.js";
import { type Image, solidImage } from "../image/image.js";
import { Dataset } from "./dataset.js";
import type { FaceSource } from "./face-source.js";
import { findPhotos } from "./photos.js";
import { type PrepareOptions, prepareDataset } from "./prepare.js";

const root = mkdtempSync(join(tmpdir(), "arc2face-data-"));
const photos = join(root, "photos");
afterAll(() => rmSync(root, { recursive: true }));
const silent = {
  recogniser: { name: "none", sha256: "0".repeat(64) },
  embeddingSize: 3,
  release: async () => undefined,
};

/** Finds a face in every photo that is not blue; its embedding is its colour. */
const faces: FaceSource = {
  ...silent,
  async prepare(photo: Image) {
    const [red = 0, green = 0, blue = 0] = photo.data;
    if (blue > 200) return undefined;
    const length = Math.hypot(red, green, blue);
    return {
      crop: solidImage(8, 8, [red, green, blue]),
      embedding: Float32Array.of(red / length, green / length, blue / length),
    };
  },
};

beforeAll(async () => {
  await mkdir(join(photos, "b"), { recursive: true });
  await writeFile(join(photos, "b/red.png"), await encodePng(solidImage(9, 11, [200, 0, 0])));
  await writeFile(join(photos, "a-green.png"), await encodePng(solidImage(9, 11, [0, 100, 0])));
  await writeFile(join(photos, "c-nobody.png"), await encodePng(solidImage(9, 11, [0, 0, 255])));
  await writeFile(join(photos, "d-broken.jpg"), "not a picture");
  await writeFile(join(photos, "notes.txt"), "not a photo");
});

const prepare = (out: string, options: Partial<PrepareOptions> = {}) =>
  prepareDataset({ sources: [photos], out: join(root, out), sizePx: 8, faces, ...options });

describe("prepare", () => {
  it("keeps faces with their embeddings, and names what it skipped", async () => {
    const index = await prepare("plain");
    expect(index).toMatchObject({
      count: 2,
      skipped: 2,
      sizePx: 8,
      embeddings: { size: 3, recogniser: { name: "none" } },
    });
    const dataset = await Dataset.open(join(root, "plain"));
    expect(await dataset.readImage(0)).toEqual(solidImage(8, 8, [0, 100, 0]).data);
    expect(await dataset.readImage(1)).toEqual(solidImage(8, 8, [200, 0, 0]).data);
    expect(await dataset.readEmbedding(1)).toEqual(Float32Array.of(1, 0, 0));
    await expect(dataset.readLatents(0, false)).rejects.toThrow(/run arc2face dataset encode/);
    await dataset.close();
    expect(await readFile(join(root, "plain/names.txt"), "utf8")).toBe("a-green.png\nb/red.png\n");
    const skipped = (await readFile(join(root, "plain/skipped.jsonl"), "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(skipped.map(({ name }) => name)).toEqual(["c-nobody.png", "d-broken.jpg"]);
    expect(skipped[0].reason).toBe("no face was found");
  });

  it("goes on after an interruption, with the same result", async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error("stop"));
    await expect(prepare("resumed", { signal: controller.signal, onProgress })).rejects.toThrow("stop");
    await expect(Dataset.open(join(root, "resumed"))).rejects.toThrow(
      /not finished; run arc2face dataset prepare again/,
    );
    await expect(prepare("resumed", { sizePx: 16 })).rejects.toThrow(/begun with other sources, size or recogniser/);
    const seen: number[] = [];
    const index = await prepare("resumed", { onProgress: ({ done }) => seen.push(done) });
    expect(seen).toEqual([2, 3, 4]);
    expect(index).toEqual(JSON.parse(await readFile(join(root, "plain/dataset.json"), "utf8")));
    await expect(prepare("resumed")).rejects.toThrow(/holds a finished dataset/);
  });

  it("reads WebDataset archives, long names too", async () => {
    const long = `${"deep/".repeat(30)}red.png`;
    await mkdir(join(root, "shard", "deep/".repeat(30)), { recursive: true });
    await writeFile(join(root, "shard", long), await readFile(join(photos, "b/red.png")));
    const file = join(root, "shard.tar");
    await create({ file, cwd: root }, [`shard/${long}`, "photos/a-green.png", "photos/notes.txt"]);
    expect(await prepare("tar", { sources: [file] })).toMatchObject({ count: 2, skipped: 0 });
    const dataset = await Dataset.open(join(root, "tar"));
    expect(await dataset.readEmbedding(0)).toEqual(Float32Array.of(1, 0, 0));
    await dataset.close();
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, 700));
    await expect(prepare("cut", { sources: [file] })).rejects.toThrow(/cut short/);
  });

  it("says what is wrong with the sources", async () => {
    await expect(prepare("x", { sources: [join(root, "none")] })).rejects.toThrow(InputError);
    await expect(prepare("x", { sources: [join(photos, "notes.txt")] })).rejects.toThrow(/give a folder of photos/);
    await mkdir(join(root, "empty"));
    await expect(prepare("x", { sources: [join(root, "empty")] })).rejects.toThrow(/no photo found/);
    const nobody = { ...silent, prepare: async () => undefined };
    await expect(prepare("nobody", { faces: nobody })).rejects.toThrow(/none of 4 has a face/);
  });

  it("lists photos in an order that depends on nothing but their names", async () => {
    const names: string[] = [];
    for await (const { name } of findPhotos([photos])) names.push(name);
    expect(names).toEqual(["a-green.png", "b/red.png", "c-nobody.png", "d-broken.jpg"]);
  });
});

it("refuses a damaged dataset", async () => {
  const folder = join(root, "plain");
  await expect(Dataset.open(join(root, "nowhere"))).rejects.toThrow(/is no dataset; make one/);
  const index = await readFile(join(folder, "dataset.json"), "utf8");
  await writeFile(join(folder, "dataset.json"), index.replace('"count": 2', '"count": 3'));
  await expect(Dataset.open(folder)).rejects.toThrow(CheckpointError);
  await writeFile(join(folder, "dataset.json"), index.replace('"version": 1', '"version": 2'));
  await expect(Dataset.open(folder)).rejects.toThrow(/dataset\.json is damaged/);
});
