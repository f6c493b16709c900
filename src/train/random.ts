import { createHash } from "node:crypto";
import { TorchGenerator } from "../tensor/random.js";

/**
 * The random numbers of one purpose at one point of a run. They depend on the seed, the purpose and the counter alone: a
 * run that is resumed goes on with the same numbers without having kept a generator's state.
 */
export function randomFor(
  seed: number,
  purpose: "weights" | "order" | "batch" | "samples",
  counter = 0,
): TorchGenerator {
  const digest = createHash("sha256").update(`${seed}/${purpose}/${counter}`).digest();
  return new TorchGenerator(digest.readUInt32LE(0));
}
