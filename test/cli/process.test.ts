import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeImage } from "../../src/image/decode.js";
import { fixture } from "../support/fixtures.js";

/** The command line as a process of its own, run from source: the tests need no build. */
const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const face = fixture("pipeline/embedding.json");
const model = ["--model", fixture("tiny"), "--size", "16", "--steps", "2", "-n", "1"];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "process-"));
});
afterAll(() => rm(folder, { recursive: true }));

function start(args: readonly string[]) {
  const child = spawn(process.execPath, ["--import", "tsx", main, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<{ status: number | null; signal: string | null; stdout: string; stderr: string }>(
    (resolve) => {
      child.on("close", (status, signal) => resolve({ status, signal, stdout, stderr }));
    },
  );
  return { child, ended };
}

test("reads standard input, writes the image, and ends by itself", async () => {
  const { child, ended } = start(["generate", "-", ...model, "--seed", "9", "--out", join(folder, "piped"), "--json"]);
  child.stdin.end(await readFile(face));
  const { status, stdout } = await ended;
  expect(status).toBe(0);
  const { images } = JSON.parse(stdout);
  expect(images).toMatchObject([{ file: join(folder, "piped", "stdin-9.png"), seed: 9 }]);
  await decodeImage(images[0].file);
});

test("gives wrong input the exit status 2", async () => {
  await writeFile(join(folder, "short.json"), "[1, 2]");
  const { status, stdout, stderr } = await start(["generate", join(folder, "short.json"), ...model]).ended;
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/error: .* 2 numbers; this model takes 24\n$/);
});

test("Ctrl-C ends it also while networks are being compiled", async () => {
  const out = join(folder, "early");
  const { child, ended } = start(["generate", face, ...model, "--size", "20", "--out", out]);
  await new Promise((resolve) => child.stderr.once("data", resolve));
  child.kill("SIGINT");
  const { signal, stderr } = await ended;
  expect(signal).toBe("SIGINT");
  expect(stderr).toMatch(/^loading .*\ninterrupted/);
  await expect(readdir(out)).rejects.toThrow("ENOENT");
});

test("Ctrl-C ends it soon, by the signal, with whole files only", async () => {
  const out = join(folder, "interrupted");
  const { child, ended } = start(["generate", face, ...model, "-n", "5000", "--batch-size", "1", "--out", out]);
  const count = async () => (await readdir(out).catch(() => [])).length;
  while ((await count()) < 3 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
  const sentAtMs = performance.now();
  child.kill("SIGINT");
  const { signal, stdout, stderr } = await ended;
  expect(performance.now() - sentAtMs).toBeLessThan(2000);
  expect(signal).toBe("SIGINT");
  expect(stdout).toBe("");
  expect(stderr).toContain("interrupted; what was finished stays");
  const names = await readdir(out);
  expect(names.length).toBeGreaterThanOrEqual(3);
  for (const name of names) {
    expect(name).toMatch(/^embedding-\d+\.png$/);
    await decodeImage(join(out, name));
  }
});
