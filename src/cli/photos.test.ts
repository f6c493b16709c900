import { cp, link, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cli } from "../../test/support/cli.js";
import { fixture } from "../../test/support/fixtures.js";
import { hollowPng } from "../../test/support/png.js";
import { writeInsightFaceBin } from "../data/insightface-bin.js";
import { decodeImage } from "../image/decode.js";
import { decodeNpy } from "../tensor/npy.js";

const crops = ["upright", "tilted"].map((name) => fixture(`image/arcface-${name}.png`));
const crop = crops[0]!;
const photo = fixture("image/photo-200x160.png"); // no face, and no crop

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "photos-"));
});
afterEach(() => rm(folder, { recursive: true }));

const recogniser = ["--recogniser", fixture("face/recogniser.onnx"), "--aligned", "--device", "cpu", "--threads", "1"];
const embed = (inputs: string[], ...options: string[]) => cli(["embed", ...inputs, ...recogniser, ...options]);

describe("embed", () => {
  test("prints the object for one photo, and the licence to stderr", async () => {
    const { status, stdout, stderr } = await embed([crops[0]!]);
    expect(status).toBe(0);
    const { embedding, ...rest } = JSON.parse(stdout);
    expect(embedding.length).toBe(24);
    expect(rest).toEqual({
      file: crops[0],
      recogniser: { name: "recogniser", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      norm: expect.any(Number),
      face: null,
    });
    expect(stderr).toContain("recogniser (licence: see repository)");
  });

  test("prints an array for several, does those that it can, and exits with 2", async () => {
    const { status, stdout, stderr } = await embed([crops[0]!, join(folder, "none.jpg"), photo, crops[1]!]);
    expect(status).toBe(2);
    const [first, missing, large, last] = JSON.parse(stdout);
    expect([first.file, last.file]).toEqual(crops);
    expect(missing).toEqual({ file: join(folder, "none.jpg"), error: expect.stringContaining("no such file") });
    expect(large.error).toContain("112x112");
    expect(stderr).toContain("2 of 4 photos done");
    expect(stderr).toContain("none.jpg: no such file");
  });

  test("a folder's photos, each into a file; what is there is not made again, and another recogniser's is", async () => {
    await mkdir(join(folder, "in", "deep"), { recursive: true });
    await cp(crops[0]!, join(folder, "in", "a.png"));
    await cp(crops[1]!, join(folder, "in", "deep", "b.PNG"));
    await writeFile(join(folder, "in", "notes.txt"), "no photo");
    const out = join(folder, "out");
    const run = () => embed([join(folder, "in")], "--out", out, "--npy", join(folder, "all.npy"));
    expect((await run()).status).toBe(0);
    const made = JSON.parse(await readFile(join(out, "deep", "b.json"), "utf8"));
    const array = decodeNpy(await readFile(join(folder, "all.npy")));
    expect(array.shape).toEqual([2, 24]);
    for (const [i, value] of made.embedding.entries()) expect(array.data[24 + i]).toBeCloseTo(value, 6);

    const marked = { ...made, norm: 77 };
    await writeFile(join(out, "deep", "b.json"), JSON.stringify(marked));
    await writeFile(join(out, "a.json"), JSON.stringify({ ...made, recogniser: { name: "x", sha256: "0" } }));
    expect((await run()).status).toBe(0);
    expect(JSON.parse(await readFile(join(out, "deep", "b.json"), "utf8")).norm).toBe(77);
    expect(JSON.parse(await readFile(join(out, "a.json"), "utf8")).recogniser.name).toBe("recogniser");
  });

  test("one missing among a thousand costs only itself", async () => {
    const paths = Array.from({ length: 1000 }, (_, i) => join(folder, `${i}.png`));
    const isMissing = (_: unknown, i: number) => i === 617;
    await cp(crop, join(folder, "crop"));
    await Promise.all(paths.map((path, i) => (isMissing(path, i) ? undefined : link(join(folder, "crop"), path))));
    const npy = join(folder, "all.npy");
    const { status, stdout, stderr } = await embed(paths, "--npy", npy);
    expect(status).toBe(2);
    expect(stderr).toContain("999 of 1000 photos done");
    expect(stderr.match(/error: .*/g)).toEqual([`error: ${paths[617]}: no such file. Check the path.`]);
    const made: { file: string; embedding?: number[]; error?: string }[] = JSON.parse(stdout);
    expect(made.map(({ file }) => file)).toEqual(paths);
    expect(made.filter(({ error }) => error !== undefined)).toEqual([made[617]]);
    for (const { embedding } of made.toSpliced(617, 1)) expect(embedding).toEqual(made[0]!.embedding);
    expect(decodeNpy(await readFile(npy)).shape).toEqual([999, 24]);
  }, 60_000);

  test("a photo that was changed since is embedded again", async () => {
    const path = join(folder, "a.png");
    await cp(crop, path);
    const out = join(folder, "out");
    const run = async () => {
      expect((await embed([path], "--out", out)).status).toBe(0);
      return JSON.parse(await readFile(join(out, "a.json"), "utf8"));
    };
    const first = await run();
    await cp(crops[1]!, path);
    const soon = Date.now() / 1000 + 5;
    await utimes(path, soon, soon);
    expect((await run()).embedding).not.toEqual(first.embedding);
  });

  test("no photo that can be used: each is named, also where a mean is wanted", async () => {
    const { status, stdout, stderr } = await embed([photo, join(folder, "none.jpg")], "--mean");
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("112x112");
    expect(stderr).toContain("none.jpg: no such file");
  });

  test("an empty folder, and two photos of one name, are refused before any work", async () => {
    const empty = await embed([folder]);
    expect([empty.status, empty.stdout]).toEqual([2, ""]);
    expect(empty.stderr).toContain("no photos in this folder");
    await cp(crops[1]!, join(folder, "arcface-upright.png"));
    const twice = await embed([crops[0]!, join(folder, "arcface-upright.png")]);
    expect([twice.status, twice.stderr]).toEqual([2, expect.stringContaining("same name")]);
  });
});

describe("bad photos have clear messages", () => {
  const cases: Record<string, () => Promise<Uint8Array>> = {
    "1x1": () =>
      sharp({ create: { width: 1, height: 1, channels: 3, background: "red" } })
        .png()
        .toBuffer(),
    "30000x30000 pixels are 900 million": async () => hollowPng(30_000),
    "not an image": async () => Buffer.from("I am a text."),
    "cut short": async () => {
      const jpeg = await sharp(photo).jpeg().toBuffer();
      return jpeg.subarray(0, jpeg.length / 2);
    },
    "the file is empty": async () => new Uint8Array(),
  };

  test.each(Object.keys(cases))("%s", async (message) => {
    const path = join(folder, "photo.jpg");
    await writeFile(path, await cases[message]!());
    const { status, stdout, stderr } = await embed([path]);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(path);
    expect(stderr).toContain(message);
  });
});

describe("compare", () => {
  test("photos and embeddings; the same photo is the same face", async () => {
    const stored = join(folder, "a.json");
    await writeFile(stored, (await embed([crops[0]!])).stdout);
    const { stdout, status } = await cli(["compare", stored, crops[0]!, ...recogniser, "--json", "--threshold", "0.9"]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ cosine: expect.closeTo(1, 5), threshold: 0.9, same: true });
  });

  test("two embeddings need no network", async () => {
    const [a, b] = [join(folder, "a.json"), join(folder, "b.json")];
    await writeFile(a, JSON.stringify({ embedding: [3, 4], recogniser: { name: "mobilefacenet", sha256: "0" } }));
    await writeFile(b, "[4, 3]");
    const { status, stdout, stderr } = await cli(["compare", a, b, "--recogniser", "none.onnx"]);
    expect([status, stdout, stderr]).toEqual([0, "0.960: one person (at or above 0.285)\n", ""]);
    await writeFile(b, "[[4, 3], [1, 0]]");
    const several = await cli(["compare", a, b]);
    expect([several.status, several.stderr]).toEqual([2, expect.stringContaining("holds 2 embeddings")]);
  });

  test("a recogniser that nobody measured has no threshold", async () => {
    const { stdout } = await cli(["compare", crops[0]!, crops[1]!, ...recogniser, "--json"]);
    expect(JSON.parse(stdout)).toEqual({ cosine: expect.any(Number), threshold: null, same: null });
  });

  test("embeddings of different recognisers are refused, unless forced", async () => {
    const made = JSON.parse((await embed([crops[0]!])).stdout);
    const [a, b] = [join(folder, "a.json"), join(folder, "b.json")];
    await writeFile(a, JSON.stringify(made));
    await writeFile(b, JSON.stringify({ ...made, recogniser: { name: "other", sha256: "f".repeat(64) } }));
    const refused = await cli(["compare", a, b, ...recogniser]);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain("different recognisers");
    expect((await cli(["compare", a, b, ...recogniser, "--force"])).status).toBe(0);
  });
});

describe("evaluate verification", () => {
  test("an insightface .bin: the contract, and a ROC", async () => {
    // Ten folds: each has a same pair (a crop twice) and a different one.
    const [a, b] = await Promise.all(crops.map((crop) => readFile(crop)));
    const images = Array.from({ length: 10 }, () => [a!, a!, a!, b!]).flat();
    const same = Array.from({ length: 20 }, (_, i) => i % 2 === 0);
    await writeInsightFaceBin(join(folder, "set.bin"), { images, same });
    const roc = join(folder, "roc.svg");
    const { status, stdout } = await cli([
      "evaluate",
      "verification",
      "--bin",
      join(folder, "set.bin"),
      ...recogniser,
      "--json",
      "--roc",
      roc,
    ]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      pairs: 20,
      accuracy: 1,
      std: 0,
      auc: 1,
      eer: 0,
      tarAtFar: { "1e-2": 1, "1e-3": 1 },
      threshold: expect.any(Number),
      photos: 40,
      withoutFace: [],
    });
    expect(await readFile(roc, "utf8")).toMatch(/^<svg[\s\S]*accuracy 100.00 %/);
  });

  test("LFW's list of pairs and its photos, or neither list", async () => {
    for (const [i, person] of ["A_B", "C_D"].entries()) {
      await mkdir(join(folder, person));
      for (const number of ["1", "2"]) await cp(crops[i]!, join(folder, person, `${person}_000${number}.png`));
    }
    const lines = ["2\t1", "A_B\t1\t2", "A_B\t1\tC_D\t1", "C_D\t1\t2", "C_D\t2\tA_B\t2"];
    await writeFile(join(folder, "pairs.txt"), lines.join("\n"));
    const pairs = ["--pairs", join(folder, "pairs.txt")];
    const { stdout } = await cli(["evaluate", "verification", ...pairs, "--images", folder, ...recogniser]);
    expect(stdout).toContain("100.00 %");
    expect(await readdir(folder)).toContain("A_B");
    const roc = join(folder, "roc.png");
    await cli(["evaluate", "verification", ...pairs, "--images", folder, ...recogniser, "--roc", roc]);
    expect((await decodeImage(roc)).widthPx).toBe(1440);
    const named = await cli(["evaluate", "verification", ...pairs, "--images", folder, "--roc", "roc.pdf"]);
    expect([named.status, named.stderr]).toEqual([2, expect.stringContaining(".svg or .png")]);
    const alone = await cli(["evaluate", "verification", ...pairs, ...recogniser]);
    expect([alone.status, alone.stderr]).toEqual([2, expect.stringContaining("--pairs and --images, or --bin")]);
  });
});

describe("generate", () => {
  const generate = (input: string, model: string, ...options: string[]) =>
    cli([
      "generate",
      input,
      "--model",
      model,
      "--steps",
      "1",
      "--size",
      "16",
      "--seed",
      "3",
      "-n",
      "1",
      "--no-likeness",
      "--out",
      join(folder, "out"),
      ...options,
    ]);

  /** The tiny model, trained with the given recogniser, or saying nothing of it. */
  async function makeModel(id?: { name: string; sha256: string }): Promise<string> {
    const model = join(folder, "model");
    await cp(fixture("tiny"), model, { recursive: true });
    const { recogniser: _, ...manifest } = JSON.parse(await readFile(join(model, "arc2face.json"), "utf8"));
    await writeFile(join(model, "arc2face.json"), JSON.stringify(id ? { ...manifest, recogniser: id } : manifest));
    return model;
  }

  /** An embedding of the first crop, which says that this recogniser made it. */
  async function store(id?: { name: string; sha256: string }): Promise<string> {
    const path = join(folder, "stored.json");
    const made = JSON.parse((await embed([crops[0]!])).stdout);
    await writeFile(path, JSON.stringify({ ...made, recogniser: id ?? made.recogniser }));
    return path;
  }

  test("a photo gives the image of its embedding", async () => {
    const model = await makeModel();
    expect((await generate(await store(), model)).status).toBe(0);
    const made = await generate(crops[0]!, model, ...recogniser);
    expect([made.status, made.stdout]).toEqual([0, `${join(folder, "out", "arcface-upright-3.png")}\n`]);
    const [fromPhoto, fromJson] = await Promise.all(
      ["arcface-upright-3", "stored-3"].map((name) => decodeImage(join(folder, "out", `${name}.png`))),
    );
    expect(fromPhoto).toEqual(fromJson);
  });

  test("a model that knows its recogniser refuses another's embedding, and takes it if forced", async () => {
    const model = await makeModel(JSON.parse((await embed([crops[0]!])).stdout).recogniser);
    const other = await store({ name: "x", sha256: "e".repeat(64) });
    const refused = await generate(other, model);
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining("different recognisers")]);
    expect((await generate(other, model, "--force")).status).toBe(0);
    expect((await generate(crops[1]!, model, ...recogniser)).status).toBe(0);
  });

  test("a photo for a model whose recogniser is not known asks for its file", async () => {
    const { status, stderr } = await generate(crops[0]!, fixture("tiny"));
    expect([status, stderr]).toEqual([2, expect.stringContaining("tiny-recogniser; give that recogniser's file")]);
  });

  test("a model that does not say takes the official recogniser's, so MobileFaceNet's are refused", async () => {
    const refused = await generate(await store({ name: "mobilefacenet", sha256: "a".repeat(64) }), await makeModel());
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining("--recogniser arcface")]);
  });
});
