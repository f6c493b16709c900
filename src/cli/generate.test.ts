import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cli } from "../../test/support/cli.js";
import { fixture, readJson } from "../../test/support/fixtures.js";
import { decodeImage } from "../image/decode.js";
import { readGeneration } from "../image/encode.js";
import { encodeNpy } from "../tensor/npy.js";
import { f32 } from "../tensor/tensor.js";

const tiny = fixture("tiny");
const face = fixture("pipeline/embedding.json");
const { embedding } = (await readJson("pipeline/embedding.json")) as { embedding: number[] };
const other = embedding.map((value, i) => (i % 2 ? value : -value));

let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), "generate-"));
});
afterEach(() => rm(out, { recursive: true }));

const quick = ["--model", tiny, "--steps", "2", "--size", "16", "-n", "1"];
const generate = (inputs: string[], ...options: string[]) =>
  cli(["generate", ...inputs, ...quick, "--out", out, ...options]);

describe("images", () => {
  test("are named after the input and the seed, and listed on standard output", async () => {
    const { status, stdout, stderr } = await generate([face], "-n", "2", "--seed", "41");
    const names = ["embedding-41.png", "embedding-42.png", "sheet.png"];
    expect(stdout).toBe(names.map((name) => `${join(out, name)}\n`).join(""));
    expect(status).toBe(0);
    expect(stderr).toMatch(
      /^loading .*tiny\nsimilarities are not measured: .*tiny-recogniser.*\n2 images in \d+\.\d s, all on .*sheet\.png\n$/,
    );
    expect((await readdir(out)).sort()).toEqual(names);
    const { widthPx, heightPx } = await decodeImage(join(out, "embedding-42.png"));
    expect([widthPx, heightPx]).toEqual([16, 16]);
  });

  test("have width and height in this order", async () => {
    await generate([face], "--seed", "1", "--size", "24x16");
    const { widthPx, heightPx } = await decodeImage(join(out, "embedding-1.png"));
    expect([widthPx, heightPx]).toEqual([24, 16]);
  });

  test("are the same from JSON, .npy and standard input, and the same bytes twice", async () => {
    const npy = join(out, "array.npy");
    await writeFile(npy, encodeNpy(f32([24], embedding)));
    await writeFile(join(out, "bare.json"), JSON.stringify(Array.from(Float32Array.from(embedding))));
    expect((await generate([npy, join(out, "bare.json")], "--seed", "5")).status).toBe(0);
    expect(
      (await cli(["generate", "-", ...quick, "--out", out, "--seed", "5"], { stdin: await readFile(npy) })).status,
    ).toBe(0);
    const pixels = await Promise.all(
      ["array-5", "bare-5", "stdin-5"].map((name) => decodeImage(join(out, `${name}.png`))),
    );
    expect(pixels[1]).toEqual(pixels[0]);
    expect(pixels[2]).toEqual(pixels[0]);

    const before = await readFile(join(out, "array-5.png"));
    await generate([npy], "--seed", "5");
    expect(await readFile(join(out, "array-5.png"))).toEqual(before);
    expect((await readdir(out)).filter((name) => name.startsWith("array-"))).toEqual(["array-5.png"]);
  });

  test("of several people in one file get the person's number", async () => {
    await writeFile(join(out, "all.json"), JSON.stringify([{ embedding }, { embedding: other }]));
    const { stdout } = await generate([join(out, "all.json"), face], "--seed", "3", "--json");
    const files = (JSON.parse(stdout) as { images: { file: string }[] }).images.map(({ file }) => file);
    expect(files).toEqual(["all-0-3.png", "all-1-3.png", "embedding-3.png"].map((name) => join(out, name)));
    const [first, second, third] = await Promise.all(files.map((file) => decodeImage(file)));
    expect(third).toEqual(first);
    expect(second).not.toEqual(first);
  });

  test("replace their like, and nothing else", async () => {
    const mine = join(out, "embedding-6.png");
    await writeFile(mine, "not yours");
    await generate([face], "--seed", "6");
    await generate([face], "--seed", "6");
    await generate([face], "--seed", "6", "--guidance", "2");
    expect(await readFile(mine, "utf8")).toBe("not yours");
    expect((await readdir(out)).sort()).toEqual(["embedding-6-2.png", "embedding-6-3.png", "embedding-6.png"]);
  });
});

test("--json prints images, sheet, model, recogniser and time, and nothing else", async () => {
  const { stdout, status } = await generate([face], "-n", "3", "--seed", "8", "--json");
  expect(status).toBe(0);
  const unmeasured = { similarity: null, faceFound: null };
  expect(JSON.parse(stdout)).toEqual({
    images: [8, 9, 10].map((seed) => ({ file: join(out, `embedding-${seed}.png`), seed, ...unmeasured })),
    sheet: join(out, "sheet.png"),
    model: tiny,
    recogniser: null,
    elapsedMs: expect.any(Number),
  });
  const { widthPx, heightPx } = await decodeImage(join(out, "sheet.png"));
  // Two columns and rows of 16 pixels, 8 around each, and 20 for each row's captions.
  expect([widthPx, heightPx]).toEqual([56, 96]);
  expect(JSON.parse((await generate([face], "--json")).stdout).sheet).toBe(null);
  expect(JSON.parse((await generate([face], "-n", "2", "--no-sheet", "--json")).stdout).sheet).toBe(null);
});

test("--preview-every writes previews on the way, not of the finished image", async () => {
  const { status } = await generate(
    [face],
    "-n",
    "2",
    "--seed",
    "1",
    "--steps",
    "4",
    "--preview-every",
    "2",
    "--no-sheet",
  );
  expect(status).toBe(0);
  const names = ["embedding-1-step2.png", "embedding-1.png", "embedding-2-step2.png", "embedding-2.png"];
  expect((await readdir(out)).sort()).toEqual(names);
});

test("--lora changes the image, by its scale, and is recorded", async () => {
  const lora = fixture("lora/kohya.safetensors");
  for (const [seed, scale] of [
    ["1", ":0"],
    ["2", ""],
    ["3", ":0.5"],
  ]) {
    expect((await generate([face], "--seed", seed!, "--lora", `${lora}${scale}`)).status).toBe(0);
  }
  const record = readGeneration(await readFile(join(out, "embedding-3.png")));
  expect(record).toMatchObject({
    model: { loras: [{ scale: 0.5 }] },
    command: { loras: [{ path: lora, scale: 0.5 }] },
  });
  await generate([face], "--seed", "1");
  const [without, withZero] = await Promise.all(
    ["1-2", "1"].map((name) => decodeImage(join(out, `embedding-${name}.png`))),
  );
  expect(withZero).toEqual(without);
});

test("on a terminal, a bar shows steps, rate and time left", async () => {
  const { stderr } = await cli(["generate", face, ...quick, "--steps", "12", "--out", out], { isTTY: true });
  expect(stderr).toMatch(/generating .*12\/12 steps, [\d.]+ (steps\/s|s\/step), 0:00 left/);
});

describe("an abort", () => {
  test("keeps what is finished, leaves nothing in parts, and exits with 130", async () => {
    const interruption = new AbortController();
    // The second batch is under way when the first preview of it is due.
    const watch = setInterval(async () => {
      const names = await readdir(out);
      if (names.some((name) => name.startsWith("embedding-2"))) interruption.abort();
    }, 2);
    const args = [
      "generate",
      face,
      ...quick,
      "--out",
      out,
      "-n",
      "500",
      "--batch-size",
      "1",
      "--seed",
      "1",
      "--preview-every",
      "1",
    ];
    const { status, stdout, stderr } = await cli([...args, "--json"], { signal: interruption.signal });
    clearInterval(watch);
    expect(status).toBe(130);
    expect(stdout).toBe("");
    expect(stderr).toContain("interrupted");
    const names = await readdir(out);
    expect(names).toContain("embedding-1.png");
    expect(names.length).toBeLessThan(1000);
    for (const name of names) {
      expect(name).toMatch(/^embedding-\d+(-step1)?\.png$/);
      await decodeImage(join(out, name));
    }
  });

  test("also ends the wait for standard input", async () => {
    const interruption = new AbortController();
    interruption.abort();
    const { status } = await cli(["generate", "-", ...quick, "--out", out], { signal: interruption.signal });
    expect(status).toBe(130);
  });
});

describe("wrong input: exit status 2, a message that says what to do, no file", () => {
  const write = async (content: string | Uint8Array) => {
    await writeFile(join(out, "x"), content);
    return join(out, "x");
  };
  const nan = embedding.with(3, Number.NaN);

  test.each([
    ["text", "hello", "neither JSON nor .npy"],
    ["nothing", "", "neither JSON nor .npy"],
    ["NaN in JSON", `{"embedding": [NaN${",1".repeat(23)}]}`, "JSON has no NaN"],
    ["null", JSON.stringify(nan), 'number 3 of the embedding is "null"'],
    ["too few numbers", "[1, 2, 3]", "has 3 numbers; this model takes 24"],
    ["zeros", JSON.stringify(embedding.map(() => 0)), "all zeros"],
    ["infinity", `[1e999${",1".repeat(23)}]`, "NaN or infinite"],
    ["no embedding", '{"vector": [1]}', "is no embedding"],
    ["an empty list", "[]", "holds no embedding"],
    ["an array of three axes", encodeNpy(f32([1, 1, 24], embedding)), "shape [1, 1, 24]"],
    ["NaN in an array", encodeNpy(f32([24], nan)), "NaN or infinite"],
    ["a cut array", encodeNpy(f32([24], embedding)).subarray(0, 150), "save it again"],
  ])("%s", async (_, content, message) => {
    const { status, stdout, stderr } = await generate([await write(content)]);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("bug");
    expect([status, stdout]).toEqual([2, ""]);
    expect(await readdir(out)).toEqual(["x"]);
  });

  test.each([
    [["nowhere.json"], "no such file"],
    [["."], "EISDIR"],
    [[face, "-n", "0"], "whole number from 1"],
    [[face, "--steps", "1001"], "trained with 1000"],
    [[face, "--size", "17"], "multiple of"],
    [[face, "--size", "16x"], "512x768"],
    [[face, "--guidance", "-1"], "at least 0"],
    [[face, "--guidance-interval", "5,1"], "the lower first"],
    [[face, "--seed", "4294967296"], "to 4294967295"],
    [[face, "--sampler", "magic"], "dpm++"],
    [[face, "--device", "abacus"], "cuda"],
    [[face, "--model", "no-such-folder"], "no folder"],
    [[face, face], "same name"],
    [[face, "--bogus"], "unknown option"],
  ])("%j", async (args, message) => {
    const [input, ...options] = args as [string, ...string[]];
    const { status, stdout, stderr } = await generate([input], ...options);
    expect(stderr).toContain(message);
    expect([status, stdout]).toEqual([2, ""]);
    expect(await readdir(out)).toEqual([]);
  });

  test("a folder that cannot be written to", async () => {
    const { status, stderr } = await generate([face], "--out", join(await write(""), "below"));
    expect(stderr).toContain("choose another folder with --out");
    expect(status).toBe(2);
  });
});

test("a damaged model: exit status 1", async () => {
  const model = join(out, "model");
  await cp(tiny, model, { recursive: true });
  await writeFile(join(model, "vae/config.json"), "{");
  const { status, stderr } = await generate([face], "--model", model);
  expect(stderr).toMatch(/^loading .*\nerror: .*vae\/config\.json is not JSON/);
  expect(status).toBe(1);
});
