import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { decodeImage } from "../image/decode.js";
import { parseInsightFaceBin, readInsightFaceBin, writeInsightFaceBin } from "./insightface-bin.js";

// Written by Python's pickle; see reference/insightface_bin.py.
const fixture = (kind: string) =>
  fileURLToPath(new URL(`../../test/fixtures/data/verification-${kind}.bin`, import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bin-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("readInsightFaceBin", () => {
  test.each(["python2", "protocol2", "protocol3", "protocol4", "protocol5"])("%s", async (kind) => {
    const { images, same } = await readInsightFaceBin(fixture(kind));
    expect(same).toEqual([true, false, true]);
    expect(images.length).toBe(6);
    const first = await decodeImage(images[0]!);
    expect([first.widthPx, first.heightPx]).toEqual([112, 112]);
    for (const [i, value] of [0xc0, 0x20, 0x20].entries()) expect(Math.abs(first.data[i]! - value)).toBeLessThan(8);
    expect(Buffer.from(images[3]!).toString("latin1")).toBe("\xff\xd8short\xff\xd9");
  });

  test("a set that is missing, cut, or no pickle", async () => {
    await expect(readInsightFaceBin(join(folder, "no.bin"))).rejects.toThrow("cannot be read");
    const whole = await readFile(fixture("protocol4"));
    expect(() => parseInsightFaceBin(whole.subarray(0, whole.length - 20), "lfw.bin")).toThrow(/^lfw\.bin .*damaged/);
    expect(() => parseInsightFaceBin(Buffer.from("not a pickle at all"))).toThrow(InputError);
  });

  test("a pickle that would run a command is refused by name", () => {
    const attack = Buffer.from("\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.", "latin1");
    expect(() => parseInsightFaceBin(attack)).toThrow("os.system");
  });

  test.each([
    ["a number", "\x80\x03K\x05."],
    ["one list", "\x80\x03](C\x01aC\x01be."],
    ["text for images", "\x80\x03](X\x01\x00\x00\x00aX\x01\x00\x00\x00be]\x88a\x86."],
    ["numbers for flags", "\x80\x03](C\x01aC\x01be]K\x07a\x86."],
    ["three images for one pair", "\x80\x03](C\x01aC\x01bC\x01ce]\x88a\x86."],
  ])("%s", (_, pickle) => {
    expect(() => parseInsightFaceBin(Buffer.from(pickle, "latin1"))).toThrow(InputError);
  });
});

describe("writeInsightFaceBin", () => {
  test("writes the very bytes of Python's pickle", async () => {
    const path = join(folder, "copy.bin");
    await writeInsightFaceBin(path, await readInsightFaceBin(fixture("python2")));
    expect(await readFile(path)).toEqual(await readFile(fixture("protocol3")));
  });

  test("one pair, and more than one batch, come back", async () => {
    for (const pairs of [1, 1501]) {
      const images = Array.from({ length: 2 * pairs }, (_, i) => new Uint8Array((i * 13) % 600).fill(i));
      const same = Array.from({ length: pairs }, (_, i) => i % 3 === 0);
      const path = join(folder, `${pairs}.bin`);
      await writeInsightFaceBin(path, { images, same });
      const back = await readInsightFaceBin(path);
      expect(back.same).toEqual(same);
      expect(back.images.every((image, i) => Buffer.compare(image, images[i]!) === 0)).toBe(true);
    }
  });

  test("a set without two images for each pair is refused, and the old file stays", async () => {
    const path = join(folder, "old.bin");
    await writeFile(path, "old");
    await expect(writeInsightFaceBin(path, { images: [new Uint8Array(3)], same: [true] })).rejects.toThrow(InputError);
    await expect(writeInsightFaceBin(path, { images: [], same: [] })).rejects.toThrow(InputError);
    expect(await readFile(path, "utf8")).toBe("old");
  });
});
