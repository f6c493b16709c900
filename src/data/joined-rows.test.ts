import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeDataset } from "../../test/support/training.js";
import { Dataset } from "./dataset.js";
import { openRows } from "./joined-rows.js";

const folder = mkdtempSync(join(tmpdir(), "arc2face-joined-"));
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  await writeDataset(at("three"), { count: 3 });
  await writeDataset(at("five"), { count: 5 });
  await writeDataset(at("large"), { count: 2, sizePx: 32 });
});
afterAll(() => rmSync(folder, { recursive: true }));

it("reads the rows of several datasets end to end", async () => {
  const rows = await openRows([at("three"), at("five")]);
  const second = await Dataset.open(at("five"));
  expect(rows.count).toBe(8);
  expect(Array.from({ length: 8 }, (_, row) => rows.groupOf(row))).toEqual([0, 0, 0, 1, 1, 1, 1, 1]);
  expect(await rows.readImage(7)).toEqual(await second.readImage(4));
  expect(await rows.readEmbedding(3)).toEqual(await second.readEmbedding(0));
  expect(await rows.readLatents(4, false)).toEqual(await second.readLatents(1, false));
  await Promise.all([rows.close(), second.close()]);
});

it("tells the order of the datasets apart, and takes one alone as it is", async () => {
  const hashes: string[] = [];
  for (const folders of [[at("three"), at("five")], [at("five"), at("three")], [at("five")]]) {
    const rows = await openRows(folders);
    hashes.push(rows.sha256);
    await rows.close();
  }
  expect(new Set(hashes).size).toBe(3);
});

it("refuses datasets that do not go together, and none", async () => {
  await expect(openRows([at("three"), at("large")])).rejects.toThrow(/differ in the size of the images/);
  await expect(openRows([at("three"), at("nothing")])).rejects.toThrow(/is no dataset; make one/);
  await expect(openRows([])).rejects.toThrow(/no dataset is given/);
});
