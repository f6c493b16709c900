import { expect } from "vitest";
import { type InputWeights, initialize } from "../../src/graph/weights.js";
import { TorchGenerator } from "../../src/tensor/random.js";

/** That these parameters are 0 where they are not trained yet. */
export function expectZeroStart(source: InputWeights, names: readonly string[]): void {
  for (const name of names) {
    const { value, initializer } = source.parameters.get(name)!;
    const start = initialize(new TorchGenerator(1), value.shape as number[], initializer);
    expect(start.data.every((number) => number === 0)).toBe(true);
  }
}
