import { rmSync } from "node:fs";
import type { TestProject } from "vitest/node";

/** Removes the tests' cache folder at the end of the run. */
export default function setup({ config }: TestProject): () => void {
  const { ARC2FACE_CACHE } = config.env;
  return () => {
    if (ARC2FACE_CACHE) rmSync(ARC2FACE_CACHE, { recursive: true, force: true });
  };
}
