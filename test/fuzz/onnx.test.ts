import { describe, expect, it } from "vitest";
import { Arc2FaceError } from "../../src/errors.js";
import { exportOnnx } from "../../src/graph/export.js";
import { importOnnx } from "../../src/graph/import.js";
import { input } from "../../src/graph/value.js";
import { RandomWeights, Weights } from "../../src/graph/weights.js";
import { unet } from "../../src/models/unet.js";
import { parseUNetConfig, type UNetConfig } from "../../src/models/unet-config.js";
import { mutations } from "../support/mutate.js";

/** A UNet of a few kilobytes with every kind of node. */
function smallModel(): Uint8Array {
  const config: UNetConfig = parseUNetConfig({
    block_out_channels: [2, 4],
    down_block_types: ["CrossAttnDownBlock2D", "DownBlock2D"],
    up_block_types: ["UpBlock2D", "CrossAttnUpBlock2D"],
    layers_per_block: 1,
    norm_num_groups: 1,
    attention_head_dim: 1,
    cross_attention_dim: 3,
  });
  const latents = input("latents", "f32", ["batch", 4, 4, 4]);
  const timesteps = input("timesteps", "f32", ["batch"]);
  const conditioning = input("conditioning", "f32", ["batch", 5, 3]);
  const prediction = unet(new Weights(new RandomWeights(0)), config, latents, timesteps, conditioning);
  return exportOnnx({ inputs: [latents, timesteps, conditioning], outputs: { prediction } }).bytes;
}

describe("damaged ONNX files", () => {
  const model = smallModel();

  it("import when they are whole", () => {
    expect(Object.keys(importOnnx(model).outputs)).toEqual(["prediction"]);
  });

  it("give a typed error or a graph, and nothing else", () => {
    let refused = 0;
    for (const bytes of mutations(model, 1, 2000)) {
      try {
        importOnnx(bytes);
      } catch (error) {
        if (!(error instanceof Arc2FaceError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(200);
  });

  it("give a typed error when they are no ONNX at all", () => {
    for (const text of ["", "not a model", "\u0000".repeat(64), "{}"]) {
      expect(() => importOnnx(new TextEncoder().encode(text))).toThrow(Arc2FaceError);
    }
  });
});
