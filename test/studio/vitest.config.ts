import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** The studio in a real browser: `npm run test:studio`. Not part of `npm test`, which needs no browser. */
export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: {
    include: ["test/studio/**/*.e2e.ts"],
    globalSetup: "test/studio/build-studio.ts",
    testTimeout: 600_000,
    hookTimeout: 60_000,
    pool: "forks",
    // One browser at a time is enough for two cores.
    fileParallelism: false,
  },
});
