import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CheckpointError, InputError, ShapeError } from "../errors.js";
import { openSafetensors, readTensor, writeSafetensors } from "./safetensors.js";
import { f32, tensor } from "./tensor.js";

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "safetensors-"));
  path = join(folder, "file.safetensors");
});
afterAll(() => rm(folder, { recursive: true }));

/** A file with this header and as many zero bytes of data. */
async function writeRaw(header: string | Uint8Array, dataBytes: number, length?: bigint): Promise<void> {
  const json = Buffer.from(header as string);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUint64LE(length ?? BigInt(json.length));
  await writeFile(path, Buffer.concat([prefix, json, Buffer.alloc(dataBytes)]));
}

const fixture = new URL("../../test/fixtures/tensors/mixed.safetensors", import.meta.url).pathname;
const mixed = [
  ["é", tensor("bool", [1], Uint8Array.of(1))],
  ["b", tensor("i8", [2], Int8Array.of(1, 2))],
  ["a", f32([1, 1], [1.5])],
] as const;

test("writes the bytes that the reference implementation writes", async () => {
  await writeSafetensors(path, mixed, { metadata: { format: "pt" } });
  expect(await readFile(path)).toEqual(await readFile(fixture));
});

test("reads a file of the reference implementation", async () => {
  const file = await openSafetensors(fixture);
  expect(file.metadata).toEqual({ format: "pt" });
  expect([...file.entries.keys()].sort()).toEqual(["a", "b", "é"]);
  for (const [name, expected] of mixed) expect(await readTensor(file, name)).toEqual(expected);
  await expect(readTensor(file, "c")).rejects.toThrow(/has no tensor "c"/);
});

test("names that are special elsewhere are plain names here", async () => {
  const names = ["__proto__", "constructor", "0", "", 'quote"\\\n', "日本"];
  await writeSafetensors(
    path,
    names.map((name, i) => [name, f32([], [i])] as const),
    { metadata: { toString: "x" } },
  );
  const file = await openSafetensors(path);
  for (const [i, name] of names.entries()) expect([...(await readTensor(file, name)).data]).toEqual([i]);
  expect(file.metadata.toString).toBe("x");
});

test("no tensors, scalars and empty tensors", async () => {
  await writeSafetensors(path, []);
  expect((await openSafetensors(path)).entries.size).toBe(0);
  await writeSafetensors(path, [
    ["s", f32([], [2])],
    ["e", f32([0, 3], [])],
    ["z", f32([2, 0], [])],
  ]);
  const file = await openSafetensors(path);
  expect((await readTensor(file, "e")).shape).toEqual([0, 3]);
  expect([...(await readTensor(file, "s")).data]).toEqual([2]);
});

test("lazy tensors are read one at a time, in the order of the file", async () => {
  const log: string[] = [];
  const lazy = (name: string) => {
    const read = async () => {
      log.push(name);
      return f32([2], [1, 2]);
    };
    return [name, { dtype: "f32", shape: [2], read }] as const;
  };
  await writeSafetensors(path, [lazy("b"), lazy("a")]);
  expect(log).toEqual(["a", "b"]);
  expect([...(await readTensor(await openSafetensors(path), "b")).data]).toEqual([1, 2]);
});

test("a write that fails leaves the old file and nothing beside it", async () => {
  await writeSafetensors(path, mixed);
  const before = await readFile(path);
  const wrong = { dtype: "f32", shape: [3], read: async () => f32([2], [1, 2]) } as const;
  await expect(
    writeSafetensors(path, [
      ["a", f32([1], [1])],
      ["w", wrong],
    ]),
  ).rejects.toThrow(ShapeError);
  await expect(
    writeSafetensors(path, [
      ["w", f32([1], [1])],
      ["w", f32([1], [1])],
    ]),
  ).rejects.toThrow(InputError);
  await expect(writeSafetensors(path, [["__metadata__", f32([1], [1])]])).rejects.toThrow(InputError);
  expect(await readFile(path)).toEqual(before);
  expect(await readdir(folder)).toEqual(["file.safetensors"]);
});

describe("refuses", () => {
  const one = (fields: string) => `{"w":{${fields}}}`;
  const good = '"dtype":"F32","shape":[2],"data_offsets":[0,8]';

  test("nothing when the file is right", async () => {
    await writeRaw(`${one(good)}  `, 8);
    expect((await openSafetensors(path)).entries.get("w")).toEqual({
      dtype: "f32",
      shape: [2],
      offset: 64,
      byteLength: 8,
    });
  });

  test.each([
    ["a dtype that is not ours, by name", one(good.replace("F32", "F8_E4M3")), 8, /"w" has dtype "F8_E4M3"/],
    ["bytes that do not match the shape", one(good.replace("[2]", "[3]")), 8, /do not hold F32/],
    ["an overflowing shape", one(good.replace("[2]", "[4294967296,4294967296]")), 8, /do not hold/],
    ["an overflow hidden by a zero", one(good.replace("[2]", "[4294967296,4294967296,0]")), 8, /do not hold/],
    ["a negative size", one(good.replace("[2]", "[-2]")), 8, /whole number/],
    ["a fractional size", one(good.replace("[2]", "[2.0]")), 8, /whole number/],
    ["an inexact number", one(good.replace("0,8", "0,9007199254740993")), 8, /whole number/],
    ["offsets that go backwards", one(good.replace("0,8", "8,0")), 8, /do not hold/],
    ["three offsets", one(good.replace("0,8", "0,8,8")), 8, /two data_offsets alone/],
    ["a missing field", one('"dtype":"F32","shape":[2]'), 8, /two data_offsets alone/],
    ["a field more", one(`${good},"x":1`), 8, /two data_offsets alone/],
    ["a tensor that is no object", '{"w":3}', 8, /two data_offsets alone/],
    ["a gap at the start", one(good.replace("0,8", "4,12")), 12, /leaves 4 bytes unused/],
    ["an overlap", `{"w":{${good}},"v":{${good.replace("0,8", "4,12")}}}`, 12, /overlaps/],
    ["bytes after the last tensor", one(good), 9, /fetch it again/],
    ["a file cut short", one(good), 7, /fetch it again/],
    ["a tensor that occurs twice", `{"w":{${good}},"w":{${good}}}`, 8, /occurs twice/],
    ["a field that occurs twice", one(`${good},"shape":[2]`), 8, /occurs twice/],
    ["__proto__ for fields", '{"w":{"__proto__":[1]}}', 0, /two data_offsets alone/],
    ["metadata that is not text", '{"__metadata__":{"a":1}}', 0, /object of strings/],
    ["deep nesting", `{"w":${"[".repeat(100_000)}`, 0, /whole number/],
    ["a header of another kind", "[]", 0, /start with '\{'/],
    ["text after the header", "{}x", 0, /nothing more/],
    ["a header that stops", '{"w', 0, /valid string/],
    ["a string with a bad escape", '{"\\x":1}', 0, /valid string/],
  ])("%s", async (_, header, dataBytes, message) => {
    await writeRaw(header, dataBytes);
    const error = await openSafetensors(path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toContain(path);
  });

  test("a header larger than the file or the limit, before reading it", async () => {
    for (const length of [3n, 100_000_001n, 2n ** 64n - 1n]) {
      await writeRaw("{}", 0, length);
      await expect(openSafetensors(path)).rejects.toThrow(/does not fit/);
    }
  });

  test("a header that is not UTF-8, an empty file, a folder, no file", async () => {
    await writeRaw(Uint8Array.of(0x7b, 0xff, 0x7d), 0);
    await expect(openSafetensors(path)).rejects.toThrow(/UTF-8/);
    await writeFile(path, "");
    await expect(openSafetensors(path)).rejects.toThrow(CheckpointError);
    await expect(openSafetensors(folder)).rejects.toThrow(CheckpointError);
    await expect(openSafetensors(join(folder, "none"))).rejects.toThrow(/cannot be opened/);
  });

  test("a tensor whose file was cut after it was opened, and a bool that is none", async () => {
    await writeSafetensors(path, [["w", f32([4], [1, 2, 3, 4])]]);
    const file = await openSafetensors(path);
    await truncate(path, 70);
    await expect(readTensor(file, "w")).rejects.toThrow(/ends before byte 80/);
    await writeSafetensors(path, [["t", tensor("bool", [1], Uint8Array.of(2))]]);
    await expect(readTensor(await openSafetensors(path), "t")).rejects.toThrow(/bytes other than 0 and 1/);
  });
});

test("offsets beyond 4 GB are exact", async () => {
  const bytes = 5 * 2 ** 30;
  await writeRaw(
    `{"big":{"dtype":"U8","shape":[${bytes}],"data_offsets":[0,${bytes}]},"w":{"dtype":"U8","shape":[1],"data_offsets":[${bytes},${bytes + 1}]}}`,
    0,
  );
  const start = (await readFile(path)).length;
  await truncate(path, start + bytes + 1); // sparse: takes no room on the disk
  const file = await openSafetensors(path);
  expect(file.entries.get("w")?.offset).toBe(start + bytes);
  expect([...(await readTensor(file, "w")).data]).toEqual([0]);
});
