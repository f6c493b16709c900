import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { assertRelativePath, parseFileSource, parseHubRepository } from "./source.js";

describe("parseFileSource", () => {
  test.each([
    ["hf:a/b/c.bin", { kind: "hf", repository: "a/b", revision: "main", path: "c.bin" }],
    ["hf:a/b@v1.2/c/d.json", { kind: "hf", repository: "a/b", revision: "v1.2", path: "c/d.json" }],
    ["hf:a/b@refs%2Fpr%2F7/c", { kind: "hf", repository: "a/b", revision: "refs/pr/7", path: "c" }],
    ["npm:left-pad@1.3.0/index.js", { kind: "npm", packageName: "left-pad", version: "1.3.0", path: "index.js" }],
    ["npm:@s/p@1.0.0-rc.1/m/x.onnx", { kind: "npm", packageName: "@s/p", version: "1.0.0-rc.1", path: "m/x.onnx" }],
    ["file:/a/b.onnx", { kind: "file", path: resolve("/a/b.onnx") }],
    ["file:///a/b%20c.onnx", { kind: "file", path: resolve("/a/b c.onnx") }],
    ["file:b.onnx", { kind: "file", path: resolve("b.onnx") }],
    ["file:~/b.onnx", { kind: "file", path: join(homedir(), "b.onnx") }],
  ])("%s", (source, expected) => {
    expect(parseFileSource(source)).toEqual(expected);
  });

  test.each([
    "model.onnx",
    "http://example.com/a",
    "file:",
    "hf:a/b",
    "hf:a/b@main",
    "hf:../b/c",
    "hf:a/b/../../c",
    "hf:a/b@../c",
    "hf:a/b@..%2F..%2Fetc/c",
    "hf:a/b//etc/passwd",
    "hf:a/b/c\\..\\d",
    "hf:a/b/C:/d",
    "hf:a/b/c.partial",
    "hf:a/b/c.origin.json",
    "npm:p/x",
    "npm:p@latest/x",
    "npm:p@^1.0.0/x",
    "npm:p@1.0.0/../x",
    "npm:../p@1.0.0/x",
    "npm:p@1.0.0/./x",
  ])("refuses %s", (source) => {
    expect(() => parseFileSource(source)).toThrow(InputError);
  });
});

test("parseHubRepository takes a revision and a trailing slash, and refuses a path", () => {
  expect(parseHubRepository("hf:a/b@v1/")).toEqual({ kind: "hf", repository: "a/b", revision: "v1" });
  expect(() => parseHubRepository("hf:a/b/c")).toThrow(InputError);
});

test("assertRelativePath names the context and what is refused", () => {
  expect(assertRelativePath("a/..b/c", "x")).toBe("a/..b/c");
  expect(() => assertRelativePath("a/../b", "hf:o/r")).toThrow(/^hf:o\/r: "a\/..\/b" is not a plain relative path/);
  expect(() => assertRelativePath("/a", "x")).toThrow(InputError);
  expect(() => assertRelativePath("a\u0000b", "x")).toThrow(InputError);
});
