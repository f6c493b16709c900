import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeFileAtomic } from "./atomic-file.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "atomic-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("makes folders, replaces the old content and leaves nothing beside it", async () => {
  const path = join(folder, "a/b/file.txt");
  await writeFileAtomic(path, "one");
  await writeFileAtomic(path, new Uint8Array([116, 119, 111]));
  expect(await readFile(path, "utf8")).toBe("two");
  expect(await readdir(join(folder, "a/b"))).toEqual(["file.txt"]);
});

test("a writer that fails leaves the old file whole", async () => {
  const path = join(folder, "file.txt");
  await writeFileAtomic(path, "old");
  const failing = writeFileAtomic(path, async (file) => {
    await file.write("half of the n");
    throw new Error("disk full");
  });
  await expect(failing).rejects.toThrow("disk full");
  expect(await readFile(path, "utf8")).toBe("old");
  expect(await readdir(folder)).toEqual(["file.txt"]);
});

test("two writers at once: one of the two contents, whole", async () => {
  const path = join(folder, "file.txt");
  const contents = ["a".repeat(100_000), "b".repeat(100_000)];
  await Promise.all(contents.map((content) => writeFileAtomic(path, content)));
  expect(contents).toContain(await readFile(path, "utf8"));
});
