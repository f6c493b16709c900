import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { cutAfter, FakeHub, sha256 } from "../../test/hub/fake-hub.js";
import { DownloadError, InputError } from "../errors.js";
import { catalog, catalogParts, findCatalogModel } from "./catalog.js";
import { findModel, listCachedFiles, listModels, verifyModel } from "./models.js";
import { pullModel, resolveFolder, selectModelFiles } from "./pull.js";
import { parseFileSource } from "./source.js";

const weights = randomBytes(50_021);
const config = Buffer.from('{"sample_size": 64}');
const quick = { retryDelayMs: 1 };

let hub: FakeHub;
let cache: string;
let source: string;

beforeEach(async () => {
  hub = new FakeHub();
  source = `hf:${hub.repository}`;
  cache = await mkdtemp(join(tmpdir(), "pull-"));
  vi.stubEnv("ARC2FACE_CACHE", cache);
  vi.stubEnv("HF_ENDPOINT", await hub.start());
  vi.stubEnv("HF_TOKEN", "");
  vi.stubEnv("HF_HUB_OFFLINE", "");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.stop();
  await rm(cache, { recursive: true });
});

/** Serves a model repository of three files. */
function serveModel(): void {
  hub.add("unet/weights.safetensors", weights, { isLarge: true });
  hub.add("unet/config.json", config);
  hub.add("README.md", Buffer.from("# Model"));
}

describe("a repository", () => {
  beforeEach(serveModel);

  test("becomes a folder in its own layout, with a manifest", async () => {
    const model = await pullModel(source, quick);
    expect(model.folder).toBe(join(cache, "models", "owner--face-model"));
    expect((await readdir(model.folder, { recursive: true })).sort()).toEqual(
      ["README.md", "origin.json", "unet", join("unet", "config.json"), join("unet", "weights.safetensors")].sort(),
    );
    expect(sha256(await readFile(join(model.folder, "unet/weights.safetensors")))).toBe(sha256(weights));
    expect(model.files.find(({ path }) => path === "unet/config.json")).toEqual({
      path: "unet/config.json",
      source: `hf:owner/face-model@${hub.commit}/unet/config.json`,
      origin: `${process.env.HF_ENDPOINT}/owner/face-model/resolve/${hub.commit}/unet/config.json`,
      licence: "mit",
      sha256: sha256(config),
      bytes: config.length,
    });
  });

  test("takes no second copy on disk", async () => {
    const { folder } = await pullModel(source, quick);
    expect((await stat(join(folder, "unet/weights.safetensors"))).nlink).toBe(2);
  });

  test("that is there is not asked for again; refreshing follows the branch", async () => {
    await pullModel(source, quick);
    hub.requests.length = 0;
    await pullModel(source, quick);
    expect(hub.requests).toHaveLength(0);

    hub.commit = "d".repeat(40);
    hub.add("unet/config.json", Buffer.from("{}"));
    hub.remove("README.md");
    const { folder, files } = await pullModel(source, { ...quick, refresh: true });
    expect(files.map(({ path }) => path)).toEqual(["unet/weights.safetensors", "unet/config.json"]);
    expect(await readFile(join(folder, "unet/config.json"), "utf8")).toBe("{}");
    // What replaced a file is not left beside it, even where both were the same file.
    expect((await readdir(folder, { recursive: true })).sort()).toEqual(
      ["origin.json", "unet", join("unet", "config.json"), join("unet", "weights.safetensors")].sort(),
    );
    expect(hub.requests.filter(({ server }) => server === "storage")).toHaveLength(0);
  });

  test("only the files that are included", async () => {
    const { files } = await pullModel(source, { ...quick, include: (path) => path.endsWith(".json") });
    expect(files.map(({ path }) => path)).toEqual(["unet/config.json"]);
    await expect(pullModel(source, { ...quick, include: () => false })).rejects.toThrow(InputError);
  });

  test("whose pull fails is not listed, and is completed by the next pull", async () => {
    hub.faults.push(cutAfter(20_000), ...Array.from({ length: 5 }, () => cutAfter(0)));
    await expect(pullModel(source, quick)).rejects.toThrow(DownloadError);
    expect(await listModels()).toEqual([]);
    hub.faults.length = 0;
    await pullModel(source, quick);
    expect((await listModels()).map((model) => model.source)).toEqual([source]);
  });

  test("with a path that leaves the folder is refused whole", async () => {
    hub.add("../../escaped.json", Buffer.from("evil"));
    await expect(pullModel(source, quick)).rejects.toThrow(/"..\/..\/escaped.json" is not a plain relative path/);
    expect(await readdir(cache)).toEqual([]);
  });

  test("is read offline once pulled", async () => {
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    await expect(pullModel(source, quick)).rejects.toThrow(/HF_HUB_OFFLINE is set/);
    vi.stubEnv("HF_HUB_OFFLINE", "");
    const { folder } = await pullModel(source, quick);
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    expect(await resolveFolder(source, { refresh: true })).toBe(folder);
  });
});

describe("pulled models", () => {
  beforeEach(serveModel);

  test("are verified: intact, changed, missing; refreshing repairs", async () => {
    const { folder } = await pullModel(source, quick);
    expect((await verifyModel(source)).every(({ isIntact }) => isIntact)).toBe(true);

    await writeFile(join(folder, "unet/weights.safetensors"), Buffer.alloc(weights.length));
    await rm(join(folder, "README.md"));
    const found = await verifyModel(folder);
    expect(found.map(({ path, isIntact }) => [path, isIntact])).toEqual([
      ["unet/weights.safetensors", false],
      ["unet/config.json", true],
      ["README.md", false],
    ]);
    expect(found[0]).toMatchObject({ expected: sha256(weights), found: sha256(Buffer.alloc(weights.length)) });
    expect(found[2]?.found).toBeUndefined();

    await pullModel(source, { ...quick, refresh: true });
    expect((await verifyModel(source)).every(({ isIntact }) => isIntact)).toBe(true);
  });

  test("are found by source and by folder; others are InputError", async () => {
    const model = await pullModel(source, quick);
    expect(await findModel(source)).toEqual(model);
    expect(await findModel(model.folder)).toEqual(model);
    await expect(findModel("arc2face")).rejects.toThrow(/"arc2face" has not been pulled/);
  });

  test("give a licence report of every cached file", async () => {
    await pullModel(source, quick);
    const report = (await listCachedFiles()).map(({ source: from, licence, bytes }) => [from, licence, bytes]);
    expect(report).toEqual([
      [`${source}@${hub.commit}/README.md`, "mit", 7],
      [`${source}@${hub.commit}/unet/config.json`, "mit", config.length],
      [`${source}@${hub.commit}/unet/weights.safetensors`, "mit", weights.length],
    ]);
  });

  test("an empty cache lists nothing", async () => {
    vi.stubEnv("ARC2FACE_CACHE", join(cache, "absent"));
    expect(await listModels()).toEqual([]);
    expect(await listCachedFiles()).toEqual([]);
  });
});

describe("the catalog", () => {
  test("names well-formed sources and paths, each once", () => {
    for (const { files } of catalog) {
      expect(files.map(({ source: from }) => parseFileSource(from).kind)).not.toContain("file");
      expect(new Set(files.map(({ path }) => path)).size).toBe(files.length);
    }
    expect(catalogParts(findCatalogModel("arc2face")!)).toEqual([
      "recogniser",
      "controlnet",
      "exp_adapter",
      "ref_adapter",
    ]);
    for (const name of ["face-npm", "face-api"])
      expect(findCatalogModel(name)!.files.every(({ sha256: pinned }) => pinned?.length === 64)).toBe(true);
  });

  test("pulls the official layout from its repositories, and parts on request", async () => {
    const model = findCatalogModel("arc2face")!;
    const required = model.files.filter(({ part }) => part === undefined).map(({ path }) => path);
    serveEverything(model.files.map(({ source: from }) => from));
    hub.cardData = {};
    const pulled = await pullModel("arc2face", quick);
    expect(pulled.folder).toBe(join(cache, "models", "arc2face"));
    expect(pulled.files.map(({ path }) => path)).toEqual(required);
    // The catalog's licence stands in where the repository states none.
    expect(pulled.files.find(({ path }) => path === "vae/config.json")?.licence).toBe("creativeml-openrail-m");
    expect(await readFile(join(pulled.folder, "encoder/pytorch_model.bin"), "utf8")).toBe(
      "FoivosPar/Arc2Face encoder/pytorch_model.bin",
    );

    const more = await pullModel("arc2face", { ...quick, parts: ["recogniser"] });
    expect(more.files.map(({ path }) => path)).toEqual([...required, "antelopev2/arcface.onnx"]);
    hub.requests.length = 0;
    expect((await pullModel("arc2face", quick)).files).toEqual(more.files);
    expect(hub.requests).toHaveLength(0);
  });

  test("refuses unknown names and parts, and says which there are", async () => {
    await expect(pullModel("arc3face")).rejects.toThrow(/names are mini, arc2face, face-npm, face-api/);
    await expect(pullModel("arc2face", { parts: ["emoca"] })).rejects.toThrow(/its parts are recogniser, controlnet/);
  });

  /** Makes the hub answer for every repository; a file's content says where it is from. */
  function serveEverything(sources: readonly string[]): void {
    for (const from of sources) {
      const file = parseFileSource(from);
      if (file.kind === "hf") hub.add(file.path, Buffer.from(`${file.repository} ${file.path}`), {}, file.repository);
    }
  }
});

describe("resolveFolder", () => {
  test("a local folder is taken as it is", async () => {
    const folder = join(cache, "mine");
    await mkdir(folder);
    expect(await resolveFolder(folder)).toBe(folder);
    expect(await resolveFolder(`file:${folder}`)).toBe(folder);
  });

  test("what is no folder is InputError", async () => {
    await writeFile(join(cache, "file"), "");
    await expect(resolveFolder(join(cache, "file"))).rejects.toThrow(InputError);
    await expect(resolveFolder("./absent")).rejects.toThrow(/There is no folder .*absent/);
  });
});

test("selectModelFiles takes each weight once, and what belongs to it", () => {
  const kept = [
    "LICENSE.txt",
    "model_index.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "encoder/pytorch_model.bin",
    "antelopev2/arcface.onnx",
  ];
  const dropped = [
    ".gitattributes",
    "v1-5-pruned.ckpt",
    "v1-5-pruned.safetensors",
    "unet/diffusion_pytorch_model.bin",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
    "assets/teaser.jpg",
  ];
  expect(selectModelFiles([...dropped, ...kept])).toEqual(kept);
  expect(selectModelFiles(["pytorch_lora_weights.safetensors"])).toEqual(["pytorch_lora_weights.safetensors"]);
});
