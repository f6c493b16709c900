import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "studio/**/*.test.ts", "test/**/*.test.ts", "recipes/**/*.test.ts"],
    // A cache of their own: tests neither see nor fill the user's.
    env: { ARC2FACE_CACHE: mkdtempSync(join(tmpdir(), "arc2face-test-")) },
    globalSetup: "test/support/remove-cache.ts",
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Sessions live in worker threads of their own; two files at once already fill two cores.
    pool: "forks",
    maxWorkers: 2,
  },
});
