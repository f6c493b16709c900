import { describe, expect, it } from "vitest";
import { z } from "zod";
import { CheckpointError } from "../errors.js";
import { fileKeys, forBlock, parseConfig, perBlock, unsupported } from "./config.js";

const schema = z.strictObject({
  ...fileKeys,
  width: z.int().positive().default(7),
  heads: perBlock(z.int()).default(2),
  dropout: unsupported(0),
  norm: unsupported("layer", null),
});

describe("parseConfig", () => {
  it("fills in defaults, and lets pass what is off", () => {
    const config = parseConfig(
      schema,
      { heads: [2, 3], dropout: 0, norm: null, _class_name: "Net" },
      "net/config.json",
    );
    expect(config).toEqual({ width: 7, heads: [2, 3], dropout: 0, norm: null, _class_name: "Net" });
  });

  it.each([
    [{ dropout: 0.1 }, "net/config.json: dropout: 0.1 is not supported"],
    [{ norm: "batch" }, 'net/config.json: norm: "batch" is not supported'],
    [{ depth: 3, colour: "red" }, "net/config.json: unknown keys depth, colour"],
    [{ width: 0 }, "width: "],
    [[1], "net/config.json: Invalid input: expected object, received array"],
    [null, "received null"],
  ])("refuses %j", (json, message) => {
    expect(() => parseConfig(schema, json, "net/config.json")).toThrow(CheckpointError);
    expect(() => parseConfig(schema, json, "net/config.json")).toThrow(message);
  });

  it("names all that is wrong at once", () => {
    const parse = () => parseConfig(schema, { width: "wide", dropout: 1, extra: true }, "c");
    expect(parse).toThrow(/^c: width: .*; dropout: 1 is not supported; unknown keys extra$/);
  });
});

it("forBlock takes one value for all, or one for each", () => {
  expect([0, 1, 2].map((i) => forBlock(5, i))).toEqual([5, 5, 5]);
  expect([0, 1, 2].map((i) => forBlock([5, 7, 11], i))).toEqual([5, 7, 11]);
  expect(forBlock(false, 1)).toBe(false);
});
