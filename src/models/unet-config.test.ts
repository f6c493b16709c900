import { describe, expect, it } from "vitest";
import { readJson } from "../../test/support/fixtures.js";
import { CheckpointError } from "../errors.js";
import { parseUNetConfig } from "./unet-config.js";

describe("parseUNetConfig", () => {
  it("has diffusers' defaults, which are not those of Stable Diffusion 1.5", () => {
    expect(parseUNetConfig({})).toMatchObject({
      in_channels: 4,
      block_out_channels: [320, 640, 1280, 1280],
      layers_per_block: 2,
      cross_attention_dim: 1280,
      attention_head_dim: 8,
      norm_eps: 1e-5,
      act_fn: "silu",
    });
  });

  it("reads a config with every key that diffusers writes", async () => {
    const json = (await readJson("tiny/arc2face/config.json")) as object;
    expect(Object.keys(json).length).toBeGreaterThan(40);
    expect(parseUNetConfig(json)).toMatchObject({ cross_attention_dim: 32, attention_head_dim: 2 });
  });

  it.each([
    ["class_embed_type", "timestep"],
    ["addition_embed_type", "text"],
    ["encoder_hid_dim", 64],
    ["dual_cross_attention", true],
    ["dropout", 0.1],
    ["time_embedding_type", "fourier"],
    ["resnet_out_scale_factor", 2],
    ["attention_type", "gated"],
    ["time_cond_proj_dim", 256],
    ["num_class_embeds", 10],
  ])("refuses %s: %j, which would be another network", (key, value) => {
    const parse = () => parseUNetConfig({ [key]: value }, "unet/config.json");
    expect(parse).toThrow(CheckpointError);
    expect(parse).toThrow(`unet/config.json: ${key}: ${JSON.stringify(value)} is not supported`);
  });

  it("refuses keys that it does not know, all of them by name", () => {
    expect(() => parseUNetConfig({ blocks: 3, width: 1 })).toThrow("UNet config: unknown keys blocks, width");
  });

  it.each([
    [{ down_block_types: ["SimpleCrossAttnDownBlock2D"] }, "down_block_types.0: "],
    [{ mid_block_type: "UNetMidBlock2DSimpleCrossAttn" }, "mid_block_type: "],
    [{ act_fn: "mish" }, "act_fn: "],
    [{ resnet_time_scale_shift: "ada_group" }, "resnet_time_scale_shift: "],
    [{ transformer_layers_per_block: [[1, 1], 2, 2, 2] }, "transformer_layers_per_block"],
    [{ block_out_channels: [] }, "block_out_channels: "],
    [{ in_channels: 4.5 }, "in_channels: "],
    [{ cross_attention_dim: [768, 768] }, "cross_attention_dim: 2 entries for 4 blocks"],
    [{ block_out_channels: [32, 64] }, "up_block_types: 4 entries for 2 blocks"],
  ])("refuses %j", (json, message) => {
    expect(() => parseUNetConfig(json)).toThrow(message);
  });
});
