import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

/** What each folder of src/ may import besides itself and errors.ts. */
const allowed: Record<string, readonly string[]> = {
  tensor: [],
  graph: ["tensor"],
  runtime: ["graph", "tensor"],
  hub: ["tensor"],
  image: ["tensor"],
  models: ["graph", "tensor"],
  diffusion: ["tensor"],
  face: ["models", "runtime", "hub", "image", "tensor"],
  pipeline: ["face", "diffusion", "models", "image", "hub", "runtime", "graph", "tensor"],
  data: ["face", "diffusion", "models", "image", "hub", "runtime", "graph", "tensor"],
  train: ["data", "face", "diffusion", "models", "image", "hub", "runtime", "graph", "tensor"],
  identity: ["data", "face", "pipeline", "diffusion", "models", "image", "hub", "runtime", "graph", "tensor"],
  evaluation: [
    "identity",
    "data",
    "face",
    "pipeline",
    "diffusion",
    "models",
    "image",
    "hub",
    "runtime",
    "graph",
    "tensor",
  ],
  jobs: [
    "evaluation",
    "identity",
    "data",
    "face",
    "pipeline",
    "diffusion",
    "models",
    "image",
    "hub",
    "runtime",
    "graph",
    "tensor",
  ],
  server: [
    "identity",
    "data",
    "jobs",
    "pipeline",
    "face",
    "diffusion",
    "models",
    "image",
    "hub",
    "runtime",
    "graph",
    "tensor",
  ],
  studio: [],
};
/** cli/ and the library's entry may import everything. */
const unrestricted = new Set(["cli", "index.ts", "errors.ts"]);

const src = fileURLToPath(new URL("../src", import.meta.url));
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter(
  (file) => /\.tsx?$/.test(file) && !file.includes(".test."),
);

it("folders import only what the architecture allows", () => {
  const violations: string[] = [];
  for (const file of files) {
    const folder = file.split(sep)[0] as string;
    if (unrestricted.has(folder)) continue;
    const may = allowed[folder];
    expect(may, `src/${folder} is not in the table of allowed imports`).toBeDefined();
    for (const [, path] of readFileSync(join(src, file), "utf8").matchAll(/(?:from|import\()\s*"(\.{1,2}\/[^"]+)"/g)) {
      const target = relative(src, join(src, file, "..", path as string)).split(sep)[0] as string;
      if (target !== folder && target !== "errors.js" && !may?.includes(target))
        violations.push(`${file} imports ${path}`);
    }
  }
  expect(violations).toEqual([]);
});

it("only runtime/ imports onnxruntime", () => {
  const importers = files.filter((file) => /from "onnxruntime/.test(readFileSync(join(src, file), "utf8")));
  expect(importers.map((file) => file.split(sep)[0]).filter((folder) => folder !== "runtime")).toEqual([]);
});
