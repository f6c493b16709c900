import { expect, it } from "vitest";
import { parseDcAutoencoderConfig } from "./dc-autoencoder.js";

const config = {
  latent_channels: 8,
  encoder_block_out_channels: [16, 32, 64],
  decoder_block_out_channels: [16, 32, 64],
  encoder_layers_per_block: [0, 1, 1],
  decoder_layers_per_block: [0, 1, 1],
};

it("takes a config without what is the same everywhere, and the networks of diffusers' defaults", () => {
  expect(parseDcAutoencoderConfig(config)).toMatchObject({ in_channels: 3, scaling_factor: 1 });
  expect(parseDcAutoencoderConfig({}).encoder_block_out_channels).toHaveLength(6);
});

it.each([
  [{ encoder_block_types: ["ResBlock", "ResBlock", "EfficientViTBlock"] }, /ResBlock/],
  [{ downsample_block_type: "conv" }, /downsample_block_type: "conv" is not supported/],
  [{ encoder_layers_per_block: [1, 0, 1] }, /only the first level may be without layers/],
  [{ decoder_layers_per_block: [0, 1] }, /decoder: widths and layers are not as many/],
  [{ latent_channels: 5 }, /encoder: its last width is no multiple of latent_channels/],
  [{ encoder_block_out_channels: [16, 24, 64] }, /encoder: 4 times each width must be a multiple of the next/],
  [
    { decoder_block_out_channels: [16, 64], decoder_layers_per_block: [0, 1] },
    /decoder: it has not the encoder's levels/,
  ],
  [{ encoder_block_out_channels: [6, 8, 16] }, /encoder: widths must be multiples of 4/],
])("refuses %j by name", (change, message) => {
  expect(() => parseDcAutoencoderConfig({ ...config, ...change })).toThrow(message);
});
