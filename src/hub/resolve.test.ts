import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { resolveFile } from "./resolve.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "resolve-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("local files", () => {
  test("are hashed where they are", async () => {
    const path = join(folder, "mine.onnx");
    await writeFile(path, "abc");
    const sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    expect(await resolveFile(`file:${path}`, { sha256: sha.toUpperCase() })).toMatchObject({
      path,
      sha256: sha,
      bytes: 3,
    });
    await expect(resolveFile(`file:${path}`, { sha256: "0".repeat(64) })).rejects.toThrow(
      /expected sha256 0{64}, found/,
    );
    expect(await readFile(path, "utf8")).toBe("abc");
  });

  test("must exist", async () => {
    await expect(resolveFile(`file:${join(folder, "absent")}`)).rejects.toThrow(InputError);
  });
});
