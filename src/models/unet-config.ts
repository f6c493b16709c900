import { z } from "zod";
import { fileKeys, parseConfig, perBlock, unsupported } from "./config.js";

const positive = z.int().positive();
const downBlockTypes = ["DownBlock2D", "CrossAttnDownBlock2D", "AttnDownBlock2D"] as const;
const upBlockTypes = ["UpBlock2D", "CrossAttnUpBlock2D", "AttnUpBlock2D"] as const;

/** The `config.json` of diffusers' UNet2DConditionModel; defaults are diffusers' own. */
const schema = z
  .strictObject({
    ...fileKeys,
    sample_size: z.union([positive, z.tuple([positive, positive])]).nullish(),
    in_channels: positive.default(4),
    out_channels: positive.default(4),
    flip_sin_to_cos: z.boolean().default(true),
    freq_shift: z.number().default(0),
    down_block_types: z
      .array(z.enum(downBlockTypes))
      .default(["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"]),
    mid_block_type: z.enum(["UNetMidBlock2DCrossAttn", "UNetMidBlock2D"]).nullable().default("UNetMidBlock2DCrossAttn"),
    up_block_types: z
      .array(z.enum(upBlockTypes))
      .default(["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]),
    only_cross_attention: perBlock(z.boolean()).default(false),
    mid_block_only_cross_attention: z.boolean().nullish(),
    block_out_channels: z.array(positive).min(1).default([320, 640, 1280, 1280]),
    layers_per_block: perBlock(positive).default(2),
    downsample_padding: z.int().nonnegative().default(1),
    mid_block_scale_factor: z.number().positive().default(1),
    norm_num_groups: positive.default(32),
    norm_eps: z.number().positive().default(1e-5),
    cross_attention_dim: perBlock(positive).default(1280),
    transformer_layers_per_block: perBlock(positive).default(1),
    /** Despite its name the number of heads, unless `num_attention_heads` is given: diffusers kept the early mistake. */
    attention_head_dim: perBlock(positive).default(8),
    num_attention_heads: perBlock(positive).nullish(),
    use_linear_projection: z.boolean().default(false),
    resnet_time_scale_shift: z.enum(["default", "scale_shift"]).default("default"),
    act_fn: z.enum(["silu", "swish", "gelu"]).default("silu"),
    center_input_sample: z.boolean().default(false),
    time_embedding_dim: positive.nullish(),
    conv_in_kernel: positive.default(3),
    conv_out_kernel: positive.default(3),
    /** Numerically without effect in float32. */
    upcast_attention: z.boolean().nullish(),
    /** Of our own, not of diffusers: see {@link identityMap}. */
    identity_map: z
      .strictObject({ rank: positive, limit: z.number().positive(), height: positive, width: positive })
      .optional(),
    dropout: unsupported(0),
    reverse_transformer_layers_per_block: unsupported(null),
    encoder_hid_dim: unsupported(null),
    encoder_hid_dim_type: unsupported(null),
    dual_cross_attention: unsupported(false),
    class_embed_type: unsupported(null),
    addition_embed_type: unsupported(null),
    addition_time_embed_dim: unsupported(null),
    num_class_embeds: unsupported(null),
    resnet_skip_time_act: unsupported(false),
    resnet_out_scale_factor: unsupported(1),
    time_embedding_type: unsupported("positional"),
    time_embedding_act_fn: unsupported(null),
    timestep_post_act: unsupported(null),
    time_cond_proj_dim: unsupported(null),
    projection_class_embeddings_input_dim: unsupported(null),
    attention_type: unsupported("default"),
    class_embeddings_concat: unsupported(false),
    cross_attention_norm: unsupported(null),
    addition_embed_type_num_heads: unsupported(64),
  })
  .superRefine((config, context) => {
    const blocks = config.block_out_channels.length;
    for (const [key, value] of Object.entries(config)) {
      const listed = Array.isArray(value) && !["sample_size", "block_out_channels"].includes(key);
      if (listed && value.length !== blocks) {
        context.addIssue({ code: "custom", path: [key], message: `${value.length} entries for ${blocks} blocks` });
      }
    }
  });

export type UNetConfig = z.output<typeof schema>;

/**
 * Checks a UNet's `config.json`.
 * @throws CheckpointError naming each key that is unknown or asks for something unsupported
 */
export const parseUNetConfig = (json: unknown, where = "UNet config"): UNetConfig => parseConfig(schema, json, where);
