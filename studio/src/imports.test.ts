import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const folder = fileURLToPath(new URL(".", import.meta.url));
const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => /\.tsx?$/.test(file));

it("takes from the server nothing but types", () => {
  const imports = files.flatMap((file) =>
    [...readFileSync(join(folder, file), "utf8").matchAll(/^import [^;]*? from "(?:\.\.\/)+src\/([^"]+)";/gm)].map(
      ([statement, path]) => ({ file, isType: statement.startsWith("import type "), path }),
    ),
  );
  expect(imports.length).toBeGreaterThan(10);
  expect(imports.filter(({ isType, path }) => !isType || path !== "server/api/types.js")).toEqual([]);
});
