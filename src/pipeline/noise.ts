import { TorchGenerator } from "../tensor/random.js";

/**
 * Standard normal noise for a batch in which every image has its own seed, so that an image does not depend on its
 * neighbours. Equal to diffusers' `randn_tensor` with a list of CPU generators.
 */
export class SeededNoise {
  private readonly generators: readonly TorchGenerator[];

  /** @param shape of one image's latents, [C, H, W] */
  constructor(
    seeds: readonly number[],
    private readonly shape: readonly number[],
  ) {
    this.generators = seeds.map((seed) => new TorchGenerator(seed));
  }

  /** The next draw for the whole batch, float32 [N, C, H, W]. */
  draw(): Float32Array {
    const images = this.generators.map((generator) => generator.randn([1, ...this.shape]).data);
    const noise = new Float32Array(images.reduce((total, { length }) => total + length, 0));
    images.forEach((values, i) => {
      noise.set(values, i * values.length);
    });
    return noise;
  }
}
