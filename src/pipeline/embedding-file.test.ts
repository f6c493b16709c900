import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { cast } from "../tensor/convert.js";
import { encodeNpy } from "../tensor/npy.js";
import { f32, tensor } from "../tensor/tensor.js";
import { decodeEmbeddings, readEmbeddingFile, readEmbeddings } from "./embedding-file.js";

const rows = [
  [0.5, -1, 2],
  [4, 0.25, -8],
];
const matrix = f32([2, 3], rows.flat());
const decode = (content: Uint8Array | string) =>
  decodeEmbeddings(Buffer.from(content), "it").map((embedding) => Array.from(embedding));

test.each([
  ["a bare array", "[0.5, -1, 2]", rows.slice(0, 1)],
  ["an object, whatever else is in it", '{"score": null, "embedding": [0.5, -1, 2]}', rows.slice(0, 1)],
  ["several arrays", JSON.stringify(rows), rows],
  ["several objects", JSON.stringify(rows.map((embedding) => ({ embedding }))), rows],
  ["a byte order mark in front", "\ufeff[0.5, -1, 2]\r\n", rows.slice(0, 1)],
  ["an array file of one axis", encodeNpy(f32([3], rows[0]!)), rows.slice(0, 1)],
  ["one of two axes", encodeNpy(matrix), rows],
  ["one of half precision", encodeNpy(cast(matrix, "f16")), rows],
  ["one of double precision", encodeNpy(cast(matrix, "f64")), rows],
  ["one of integers", encodeNpy(tensor("i8", [2, 1], Int8Array.of(-3, 7))), [[-3], [7]]],
])("reads %s", (_, content, expected) => {
  expect(decode(content)).toEqual(expected);
});

test("keeps the digits of double precision", () => {
  expect(decode("[0.1]")).toEqual([[0.1]]);
  expect(decode(encodeNpy(tensor("f64", [1], Float64Array.of(0.1))))).toEqual([[0.1]]);
});

test.each([
  ["nothing", "", "neither JSON nor .npy"],
  ["NaN", "[1, NaN]", "JSON has no NaN"],
  ["infinity", "[1, -Infinity]", "JSON has no NaN"],
  ["a photo", Uint8Array.of(0xff, 0xd8, 0xff, 0xe0), "neither JSON nor .npy"],
  ["an empty list", "[]", "it holds no embedding"],
  ["null", "null", "it is no embedding"],
  ["a number", "7", "it is no embedding"],
  ["another key", '{"embeddings": [1]}', "it is no embedding"],
  ["text among arrays", '[[1], "two"]', "item 1 is no embedding"],
  ["null among arrays", "[[1], null]", "item 1 is no embedding"],
  ["null among numbers", "[1, null]", 'number 1 of the embedding is "null"'],
  ["a nested array", '{"embedding": [[1]]}', "number 0 of the embedding is an array"],
  ["an array file without axes", encodeNpy(f32([], [1])), "shape []"],
  ["one of three axes", encodeNpy(f32([1, 1, 2], [1, 2])), "shape [1, 1, 2]"],
  ["one without rows", encodeNpy(f32([0, 3], [])), "holds no embedding"],
  ["one with rows of nothing", encodeNpy(f32([1_000_000_000, 0], [])), "holds no embedding"],
  ["one that is cut short", encodeNpy(matrix).subarray(0, 140), "save it again"],
])("refuses %s", (_, content, message) => {
  expect(() => decode(content)).toThrow(InputError);
  expect(() => decode(content)).toThrow(message);
});

test("refuses a stream as soon as it is too large, without waiting for its end", async () => {
  let sent = 0;
  async function* endless() {
    for (;;) {
      sent += 2 ** 20;
      yield new Uint8Array(2 ** 20).fill(0x20);
    }
  }
  await expect(readEmbeddings(endless(), "it")).rejects.toThrow("it is larger than 64 MB");
  expect(sent).toBeLessThan(2 ** 27);
});

test("refuses JSON of a size that is allowed for arrays", () => {
  expect(() => decodeEmbeddings(new Uint8Array(2 ** 23 + 1).fill(0x20), "it")).toThrow("larger than 8 MB");
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "embedding-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("goes by a file's content, not by its name", async () => {
  const path = join(folder, "me.json");
  await writeFile(path, encodeNpy(matrix));
  expect((await readEmbeddingFile(path)).map((row) => Array.from(row))).toEqual(rows);
});

test("says which file is missing, or no file", async () => {
  await expect(readEmbeddingFile(join(folder, "no.json"))).rejects.toThrow(/no\.json: no such file/);
  await expect(readEmbeddingFile(folder)).rejects.toThrow(InputError);
});
