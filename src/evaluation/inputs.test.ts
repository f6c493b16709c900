import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listInputs } from "./inputs.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inputs-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function put(...paths: string[]) {
  for (const path of paths) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), "");
  }
}
const list = async (limit?: number) =>
  (await listInputs(folder, limit)).map(({ name, photo }) => [name, photo.name] as const);

test("photos are people; of a folder, the first photo is", async () => {
  await put("b.jpg", "Ann_Lee/Ann_Lee_0002.jpg", "Ann_Lee/Ann_Lee_0001.jpg", "c.d.png", "readme.txt");
  expect(await list()).toEqual([
    ["Ann_Lee", "Ann_Lee/Ann_Lee_0001.jpg"],
    ["b", "b.jpg"],
    ["c.d", "c.d.png"],
  ]);
});

test("a limit takes people evenly", async () => {
  await put(...["a", "b", "c", "d", "e", "f", "g"].map((name) => `${name}/0.jpg`));
  expect((await list(3)).map(([name]) => name)).toEqual(["a", "c", "e"]);
  expect(await list(7)).toHaveLength(7);
});

test("two people of one name are refused, and a folder without photos", async () => {
  await expect(list()).rejects.toThrow("no photo found");
  await put("ann.jpg", "ann.png");
  await expect(list()).rejects.toThrow("ann.jpg and ann.png");
  await rm(join(folder, "ann.png"));
  await put("ann/1.jpg");
  await expect(list()).rejects.toThrow("one name");
});
