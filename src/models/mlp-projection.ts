import { z } from "zod";
import { reshape, silu } from "../graph/operators/index.js";
import type { Value } from "../graph/value.js";
import type { Weights } from "../graph/weights.js";
import { fileKeys, parseConfig } from "./config.js";
import { linear } from "./layers.js";

const positive = z.int().positive();

/** `config.json` of the projection that the paper compares the face encoder with. A format of our own. */
const schema = z.strictObject({
  ...fileKeys,
  model_type: z.literal("face_mlp"),
  /** Width of a token of the conditioning. */
  hidden_size: positive,
  /** Tokens of the conditioning; as many as the pseudo-prompt has. */
  max_position_embeddings: positive,
  /** Width of the layers between. */
  intermediate_size: positive,
  num_hidden_layers: positive.default(4),
});

export type MlpProjectionConfig = z.output<typeof schema>;

/** Checks an MLP projection's `config.json`. @throws CheckpointError naming each key that is unknown or wrong */
export const parseMlpProjectionConfig = (json: unknown, where = "MLP projection config"): MlpProjectionConfig =>
  parseConfig(schema, json, where);

/**
 * Face embedding to conditioning by a plain network of four layers, the alternative to the face encoder. Zeros stand
 * for nobody.
 * Source: Arc2Face §4.4. The paper gives the number of layers; widths and activation (SiLU) are ours.
 * @param faceEmbedding float [N, E], unit norm
 * @returns conditioning, float [N, max_position_embeddings, hidden_size]
 */
export function mlpProjection(w: Weights, config: MlpProjectionConfig, faceEmbedding: Value): Value {
  const { hidden_size: width, max_position_embeddings: tokens, num_hidden_layers: layers } = config;
  let h = faceEmbedding;
  for (let i = 0; i < layers - 1; i++) h = silu(linear(w.at("layers").at(i), h, config.intermediate_size));
  h = linear(w.at("layers").at(layers - 1), h, tokens * width);
  return reshape(h, [faceEmbedding.shape[0] as number | string, tokens, width]);
}
