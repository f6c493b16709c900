import { expect, it } from "vitest";
import { cast } from "../../src/graph/operators/index.js";
import { FileWeights, Weights } from "../../src/graph/weights.js";
import { unet } from "../../src/models/unet.js";
import { loadLoras } from "../../src/pipeline/loras.js";
import { openModelFolder } from "../../src/pipeline/model-folder.js";
import { cacheFolder } from "../../src/tensor/cache-folder.js";
import { expectClose, relativeError } from "../support/close.js";
import { Feeds, fixture, need, readTensors } from "../support/fixtures.js";

it.each(["peft", "diffusers", "kohya"])("merges a LoRA in the naming of %s", async (naming) => {
  const folder = await openModelFolder(fixture("tiny"), cacheFolder());
  const tensors = await readTensors("lora/parity.safetensors");
  const feeds = new Feeds();
  const latents = feeds.add("latents", need(tensors, "latents"));
  const timesteps = cast(feeds.add("timesteps", need(tensors, "timesteps")), "f32");
  const conditioning = feeds.add("conditioning", need(tensors, "conditioning"));
  const merged = async (scale: number) => {
    const patch = await loadLoras([{ path: fixture(`lora/${naming}.safetensors`), scale }], folder);
    const w = new Weights(patch(new FileWeights(folder.unet.weights), "unet"));
    return unet(w, folder.unet.config, latents, timesteps, conditioning);
  };
  const results = await feeds.run({ off: await merged(0), full: await merged(1), part: await merged(0.7) });
  expectClose(results.off, need(tensors, "base/out"), 1e-4);
  expectClose(results.full, need(tensors, `${naming}/1/out`), 1e-4);
  expectClose(results.part, need(tensors, `${naming}/0.7/out`), 1e-4);
  expect(relativeError(need(tensors, `${naming}/1/out`), need(tensors, "base/out"))).toBeGreaterThan(0.01);
});
