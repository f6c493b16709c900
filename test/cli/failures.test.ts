import { execFileSync, spawnSync } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cannotWrite } from "../../src/cli/cannot-write.js";
import { InputError } from "../../src/errors.js";
import { cli } from "../support/cli.js";
import { fixture } from "../support/fixtures.js";

// What ends a command half-way: each time a clear message, and nothing half-written.

const face = fixture("pipeline/embedding.json");
const quick = ["--size", "16", "--steps", "1", "--seed", "1", "-n", "2"];
const generate = (out: string, model = fixture("tiny")) =>
  cli(["generate", face, "--model", model, ...quick, "--out", out]);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "failures-"));
});
afterAll(() => rm(folder, { recursive: true }));

test.each([
  ["arc2face/diffusion_pytorch_model.safetensors", "arc2face holds no weights"],
  ["encoder/pytorch_model.bin", "encoder holds no weights"],
  ["vae/config.json", "has no vae/config.json"],
])("a model without its %s", async (file, message) => {
  const [model, out] = [join(folder, "model"), join(folder, "none")];
  await cp(fixture("tiny"), model, { recursive: true });
  await rm(join(model, file));
  const { status, stdout, stderr } = await generate(out, model);
  await rm(model, { recursive: true });
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toContain(message);
  await expect(readdir(out)).rejects.toThrow("ENOENT");
});

// Root may write everywhere.
test.skipIf(process.getuid?.() === 0 || process.platform === "win32")("a read-only folder", async () => {
  const out = join(folder, "read-only");
  await mkdir(out);
  await chmod(out, 0o555);
  const { status, stdout, stderr } = await generate(out);
  await chmod(out, 0o755);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain("you may not write there; choose another folder with --out");
  expect(await readdir(out)).toEqual([]);
});

/** Mounts a disk in memory; false where that is not allowed. */
function mountDisk(at: string, options: string): boolean {
  return spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", at], { stdio: "ignore" }).status === 0;
}

test("a read-only disk", async (context) => {
  const out = join(folder, "read-only-disk");
  await mkdir(out);
  if (!mountDisk(out, "ro")) context.skip("no disk can be mounted here");
  try {
    const { status, stdout, stderr } = await generate(out);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("the disk is read-only; choose another folder with --out");
  } finally {
    execFileSync("umount", [out]);
  }
});

describe("a full disk", () => {
  test("ends with advice; what is written is whole", async (context) => {
    const out = join(folder, "full");
    await mkdir(out);
    if (!mountDisk(out, "size=24k")) context.skip("no disk can be mounted here");
    try {
      const args = ["generate", face, "--model", fixture("tiny"), ...quick, "--out", out, "-n", "200"];
      const { status, stdout, stderr } = await cli(args);
      expect([status, stdout]).toEqual([2, ""]);
      expect(stderr).toContain("the disk is full: free some space, or choose another with --out");
      const names = await readdir(out);
      expect(names.length).toBeGreaterThan(0);
      for (const name of names) {
        expect(name).toMatch(/^embedding-\d+\.png$/);
        expect((await readFile(join(out, name))).subarray(-8, -4).toString()).toBe("IEND");
      }
    } finally {
      execFileSync("umount", [out]);
    }
  });

  test.each([
    ["ENOSPC", "the disk is full"],
    ["EROFS", "read-only"],
    ["EACCES", "may not write"],
    ["ENAMETOOLONG", "choose another folder with --out"],
  ])("%s is the user's to solve", (code, message) => {
    const error = cannotWrite("x.png", Object.assign(new Error(code), { code, syscall: "write" }));
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toContain(message);
  });

  test("what is no refusal of the system is a bug", () => {
    const bug = new TypeError("x");
    expect(cannotWrite("x.png", bug)).toBe(bug);
  });
});
