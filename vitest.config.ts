import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 60_000,
    // Sessions live in worker threads of their own; two files at once already fill two cores.
    pool: "forks",
    maxWorkers: 2,
  },
});
