import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { close, cutAfter, FakeHub, listen, origin, sha256, stallAfter } from "../../test/hub/fake-hub.js";
import { DownloadError } from "../errors.js";
import type { Progress } from "./download.js";
import { resolveFile } from "./resolve.js";

const weights = randomBytes(300_007);
const config = Buffer.from('{"sample_size": 64}');
const quick = { retryDelayMs: 1 };

let hub: FakeHub;
let cache: string;
let source: string;

beforeEach(async () => {
  hub = new FakeHub();
  hub.add("unet/weights.safetensors", weights, { isLarge: true });
  hub.add("unet/config.json", config);
  source = `hf:${hub.repository}/unet/weights.safetensors`;
  cache = await mkdtemp(join(tmpdir(), "hub-"));
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

/** Names of all files in the cache, without the folders. */
async function cachedNames(): Promise<string[]> {
  const entries = await readdir(cache, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => (entry.isFile() ? entry.name : [])).sort();
}

/** Compares hashes: a failing comparison of the bytes themselves would print them. */
async function expectWeights(path: string): Promise<void> {
  expect(sha256(await readFile(path))).toBe(sha256(weights));
}

const transfers = () => hub.requests.filter(({ server }) => server === "storage");

describe("what is resolved", () => {
  test("a large file: content, hash, origin, licence and a record beside it", async () => {
    const file = await resolveFile(source, quick);
    await expectWeights(file.path);
    expect(file).toMatchObject({
      sha256: sha256(weights),
      bytes: weights.length,
      source: `hf:${hub.repository}@${hub.commit}/unet/weights.safetensors`,
      origin: `${process.env.HF_ENDPOINT}/${hub.repository}/resolve/${hub.commit}/unet/weights.safetensors`,
      licence: "mit",
    });
    expect(JSON.parse(await readFile(`${file.path}.origin.json`, "utf8"))).toMatchObject({
      sha256: sha256(weights),
      licence: "mit",
      origin: file.origin,
    });
    expect(await cachedNames()).toEqual(["main.json", "weights.safetensors", "weights.safetensors.origin.json"]);
  });

  test("a small file is checked by git's object id, and its sha256 is recorded", async () => {
    const file = await resolveFile(`hf:${hub.repository}/unet/config.json`, quick);
    expect(file.sha256).toBe(sha256(config));
    expect(await readFile(file.path)).toEqual(config);
  });

  test("a second time nothing is asked, unless refreshed", async () => {
    await resolveFile(source, quick);
    hub.requests.length = 0;
    await resolveFile(source, quick);
    expect(hub.requests).toHaveLength(0);
    await resolveFile(source, { ...quick, refresh: true });
    expect(hub.requests.map(({ path }) => path.split("/")[5])).toEqual(["revision", "paths-info"]);
  });

  test("refreshing replaces a cached file that was damaged", async () => {
    const { path } = await resolveFile(source, quick);
    await writeFile(path, Buffer.alloc(weights.length));
    await resolveFile(source, { ...quick, refresh: true });
    await expectWeights(path);
  });

  test("a name with a space and a plus is asked for as such", async () => {
    hub.add("a b+c#.txt", Buffer.from("x"));
    const file = await resolveFile(`hf:${hub.repository}/a b+c#.txt`, quick);
    expect(await readFile(file.path, "utf8")).toBe("x");
  });

  test("an empty file", async () => {
    hub.add("empty.txt", Buffer.alloc(0));
    expect((await resolveFile(`hf:${hub.repository}/empty.txt`, quick)).bytes).toBe(0);
  });

  test.each([
    [{ license: "other", license_name: "insightface-research" }, "insightface-research"],
    [{ license: ["mit", "apache-2.0"] }, "mit, apache-2.0"],
    [{}, "see repository"],
    [undefined, "see repository"],
  ])("licence of card %j", async (cardData, licence) => {
    hub.cardData = cardData;
    expect((await resolveFile(source, quick)).licence).toBe(licence);
  });

  test("the same weights at a later commit are not downloaded again", async () => {
    const first = await resolveFile(source, quick);
    hub.commit = "c".repeat(40);
    const second = await resolveFile(source, { ...quick, refresh: true });
    expect(second.path).not.toBe(first.path);
    expect(transfers()).toHaveLength(1);
    expect((await stat(second.path)).ino).toBe((await stat(first.path)).ino);
  });
});

describe("cuts and faults", () => {
  test("a cut transfer goes on where it was cut", async () => {
    hub.faults.push(cutAfter(100_000), cutAfter(50_000));
    const progress: Progress[] = [];
    const file = await resolveFile(source, { ...quick, onProgress: (step) => progress.push(step) });
    await expectWeights(file.path);
    expect(transfers().map(({ range }) => range)).toEqual([undefined, "bytes=100000-", "bytes=150000-"]);
    const received = progress.map(({ receivedBytes }) => receivedBytes);
    expect(received).toEqual([...received].sort((a, b) => a - b));
    expect(progress.at(-1)).toEqual({
      file: "unet/weights.safetensors",
      receivedBytes: weights.length,
      totalBytes: weights.length,
    });
  });

  test("a server that ignores ranges is read from the start", async () => {
    hub.ignoresRanges = true;
    hub.faults.push(cutAfter(100_000));
    await expectWeights((await resolveFile(source, quick)).path);
  });

  test("a connection that always breaks: DownloadError, and what came is kept for the next run", async () => {
    hub.faults.push(cutAfter(100_000), ...Array.from({ length: 5 }, () => cutAfter(0)));
    await expect(resolveFile(source, quick)).rejects.toThrow(/broke after 100000 of 300007 .* Gave up after 5/s);
    expect(await cachedNames()).toEqual(["main.json", "weights.safetensors.partial"]);
    hub.faults.length = 0;
    hub.requests.length = 0;
    await expectWeights((await resolveFile(source, quick)).path);
    expect(transfers().map(({ range }) => range)).toEqual(["bytes=100000-"]);
  });

  test("an abort leaves a partial file that the next run continues, and nothing else", async () => {
    const controller = new AbortController();
    hub.faults.push(stallAfter(120_000, () => controller.abort()));
    await expect(resolveFile(source, { ...quick, signal: controller.signal })).rejects.toThrow(/abort/i);
    expect(await cachedNames()).toEqual(["main.json", "weights.safetensors.partial"]);
    await expectWeights((await resolveFile(source, quick)).path);
    expect(transfers().at(-1)?.range).toBe("bytes=120000-");
  });

  test.each([429, 500, 503])("status %i passes", async (status) => {
    hub.statuses.push(status, status);
    expect((await resolveFile(source, quick)).sha256).toBe(sha256(weights));
  });

  test("a server that stays busy: DownloadError with the status", async () => {
    hub.statuses.push(...Array.from({ length: 5 }, () => 503));
    await expect(resolveFile(source, quick)).rejects.toThrow(/answers 503. Gave up after 5 attempts/);
  });

  test("a server that is no hub: DownloadError", async () => {
    const portal = createServer((_request, response) => response.end("<html>Log in</html>"));
    await listen(portal);
    vi.stubEnv("HF_ENDPOINT", origin(portal));
    await expect(resolveFile(source, quick)).rejects.toThrow(/gives no readable answer about owner\/face-model/);
    await close(portal);
  });

  test("no server: DownloadError with the reason", async () => {
    await hub.stop();
    await expect(resolveFile(source, quick)).rejects.toThrow(/No answer from 127.0.0.1:\d+ \(.*ECONNREFUSED/);
  });

  test("more bytes than announced: DownloadError, nothing kept", async () => {
    hub.faults.push((_request, response, content) => {
      response.writeHead(200).end(Buffer.concat([content, Buffer.from("more")]));
      return true;
    });
    await expect(resolveFile(source, quick)).rejects.toThrow(/sends more than the 300007 bytes/);
    expect((await stat((await findPartial())!)).size).toBe(0);
  });

  test("a range that leaves a gap: DownloadError", async () => {
    hub.faults.push(cutAfter(1000), (_request, response, content) => {
      const headers = { "content-range": `bytes 2000-${content.length - 1}/${content.length}` };
      response.writeHead(206, headers).end(content.subarray(2000));
      return true;
    });
    await expect(resolveFile(source, quick)).rejects.toThrow(/bytes from 2000, asked for from 1000/);
  });

  test("two downloads at once both get the whole file", async () => {
    hub.faults.push(cutAfter(90_000), cutAfter(120_000));
    const files = await Promise.all([resolveFile(source, quick), resolveFile(source, quick)]);
    for (const { path } of files) await expectWeights(path);
    expect(await cachedNames()).toEqual(["main.json", "weights.safetensors", "weights.safetensors.origin.json"]);
  });
});

test("several processes at once leave one whole file", async () => {
  hub.faults.push(cutAfter(70_000), cutAfter(140_000), cutAfter(210_000));
  const resolver = new URL("./resolve.ts", import.meta.url).href;
  const script = `const { resolveFile } = await import("${resolver}");
    console.log((await resolveFile("${source}", { retryDelayMs: 1 })).path);`;
  const run = promisify(execFile);
  const args = ["--import", "tsx", "--input-type=module", "--eval", script];
  const outputs = await Promise.all([1, 2, 3].map(() => run(process.execPath, args)));
  for (const { stdout } of outputs) await expectWeights(stdout.trim());
  expect(await cachedNames()).toEqual(["main.json", "weights.safetensors", "weights.safetensors.origin.json"]);
});

describe("hashes", () => {
  test.each([
    ["weights.safetensors", true],
    ["config.json", false],
  ])("content that is not as announced: %s", async (name, isLarge) => {
    const announcedHash = "0".repeat(isLarge ? 64 : 40);
    hub.add(`unet/${name}`, Buffer.from("evil"), { isLarge, announcedHash });
    const failure = resolveFile(`hf:${hub.repository}/unet/${name}`, quick);
    await expect(failure).rejects.toThrow(DownloadError);
    await expect(failure).rejects.toThrow(new RegExp(`expected \\w+ ${announcedHash}, found [0-9a-f]{40}`));
    expect(await cachedNames()).toEqual(["main.json"]);
  });

  test("a pinned hash that the hub does not announce is refused without a transfer", async () => {
    const pinned = "a".repeat(64);
    await expect(resolveFile(source, { ...quick, sha256: pinned })).rejects.toThrow(
      `expected sha256 ${pinned}, found ${sha256(weights)}`,
    );
    expect(transfers()).toHaveLength(0);
  });

  test("a partial file that was damaged is found out and removed", async () => {
    hub.faults.push(cutAfter(1000), ...Array.from({ length: 5 }, () => cutAfter(0)));
    await expect(resolveFile(source, quick)).rejects.toThrow();
    await writeFile((await findPartial())!, Buffer.alloc(1000));
    hub.faults.length = 0;
    await expect(resolveFile(source, quick)).rejects.toThrow(/expected sha256 .* found/);
    expect((await resolveFile(source, quick)).sha256).toBe(sha256(weights));
  });
});

describe("access", () => {
  test("the token goes to the hub, and not to the storage it redirects to", async () => {
    vi.stubEnv("HF_TOKEN", "any-token");
    hub.requiredToken = "any-token";
    await resolveFile(source, quick);
    expect(new Set(hub.requests.filter(({ server }) => server === "hub").map((seen) => seen.authorization))).toEqual(
      new Set(["Bearer any-token"]),
    );
    expect(transfers().map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  test("a gated repository: says what to do, in the hub's words too", async () => {
    hub.requiredToken = "other";
    await expect(resolveFile(source, quick)).rejects.toThrow(/401 \(Access to this model is restricted.\).*HF_TOKEN/);
    expect(hub.requests).toHaveLength(1);
  });

  test("absent repository, revision or file", async () => {
    await expect(resolveFile("hf:nobody/nothing/x", quick)).rejects.toThrow(/404: check the repository/);
    await expect(resolveFile(`hf:${hub.repository}@v9/x`, quick)).rejects.toThrow(/404/);
    await expect(resolveFile(`hf:${hub.repository}/x`, quick)).rejects.toThrow(/has no file "x"/);
  });

  test("offline: what is cached is used, the rest is refused without a request", async () => {
    await resolveFile(source, quick);
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    hub.requests.length = 0;
    expect((await resolveFile(source, { ...quick, refresh: true })).sha256).toBe(sha256(weights));
    await expect(resolveFile(`hf:${hub.repository}/unet/config.json`)).rejects.toThrow(/HF_HUB_OFFLINE is set/);
    expect(hub.requests).toHaveLength(0);
  });
});

async function findPartial(): Promise<string | undefined> {
  const name = (await readdir(cache, { recursive: true })).find((entry) => entry.endsWith(".partial"));
  return name && join(cache, name);
}
