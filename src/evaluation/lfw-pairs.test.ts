import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { parseLfwPairs, readLfwPairs } from "./lfw-pairs.js";

const text = "2\t1\nAnn_Lee\t1\t12\nAnn_Lee\t1\tBo_Ek\t3\nBo_Ek\t3\t4\nBo_Ek\t4\tAnn_Lee\t12\n";

describe("parseLfwPairs", () => {
  test("folds, same and different pairs, in order", () => {
    const { folds, pairs } = parseLfwPairs(text);
    expect(folds).toBe(2);
    expect(pairs.map(({ same }) => same)).toEqual([true, false, true, false]);
    expect(pairs[0]).toEqual({
      first: { person: "Ann_Lee", number: 1 },
      second: { person: "Ann_Lee", number: 12 },
      same: true,
    });
    expect(pairs[3]!.second).toEqual({ person: "Ann_Lee", number: 12 });
  });

  test("one fold, blanks, Windows line ends and an empty last line", () => {
    expect(parseLfwPairs("1\r\nA  1 2\r\nA 1 B 1\r\n\r\n")).toMatchObject({ folds: 1, pairs: [{}, {}] });
  });

  test.each([
    ["", "line 1"],
    ["ten 300\n", "line 1"],
    ["1\nA 1 2\n", "announces 2 pairs, but 1 follow"],
    ["1\nA 1 2\nA 1 B\n", "line 3"],
    ["1\nA 1 2\nA 1 B 2 C\n", "line 3"],
    ["1\nA 0 2\nA 1 B 2\n", "line 2"],
  ])("%j is refused", (wrong, message) => {
    expect(() => parseLfwPairs(wrong, "my.txt")).toThrow(InputError);
    expect(() => parseLfwPairs(wrong, "my.txt")).toThrow(message);
  });
});

describe("readLfwPairs", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lfw-"));
    await writeFile(join(folder, "pairs.txt"), text);
    for (const person of ["Ann_Lee", "Bo_Ek"]) await mkdir(join(folder, person));
    for (const photo of ["Ann_Lee_0001.jpg", "Ann_Lee_0012.PNG", "Bo_Ek_0003.jpeg", "notes.txt"]) {
      await writeFile(join(folder, photo.startsWith("Bo") ? "Bo_Ek" : "Ann_Lee", photo), "");
    }
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("finds the photos, and says which are missing", async () => {
    const reading = () => readLfwPairs(join(folder, "pairs.txt"), folder);
    await expect(reading()).rejects.toThrow(/1 photos .* missing, such as Bo_Ek.Bo_Ek_0004/);
    await writeFile(join(folder, "Bo_Ek", "Bo_Ek_0004.webp"), "");
    const { folds, pairs } = await reading();
    expect(folds).toBe(2);
    expect(pairs[3]).toEqual({
      first: join(folder, "Bo_Ek", "Bo_Ek_0004.webp"),
      second: join(folder, "Ann_Lee", "Ann_Lee_0012.PNG"),
      same: false,
    });
  });

  test("a missing list and a missing folder", async () => {
    await expect(readLfwPairs(join(folder, "no.txt"), folder)).rejects.toThrow("cannot be read");
    await expect(readLfwPairs(join(folder, "pairs.txt"), join(folder, "none"))).rejects.toThrow("4 photos");
  });
});
