import { add } from "../graph/operators/index.js";
import type { Value } from "../graph/value.js";
import type { Weights } from "../graph/weights.js";
import {
  type FaceEncoderConfig,
  faceEncoder,
  injectIdentity,
  parseFaceEncoderConfig,
  squaredIdentity,
} from "./face-encoder.js";
import { type MlpProjectionConfig, mlpProjection, parseMlpProjectionConfig } from "./mlp-projection.js";

/** What turns a face embedding into conditioning: the face encoder, or the MLP it is compared with. */
export type ProjectionConfig = FaceEncoderConfig | MlpProjectionConfig;

/** Reads either kind of `config.json`; it says which it is. @throws CheckpointError naming what is wrong */
export function parseProjectionConfig(json: unknown, where?: string): ProjectionConfig {
  const kind = (json as { model_type?: unknown } | null)?.model_type;
  return kind === "face_mlp" ? parseMlpProjectionConfig(json, where) : parseFaceEncoderConfig(json, where);
}

/**
 * Face embedding to conditioning.
 * Source: Arc2Face §3.3 (face encoder), §4.4 (MLP, which does not look at the tokens).
 * @param tokens        i64 [N, L], the pseudo-prompt
 * @param faceEmbedding float [N, E], unit norm; zeros, with the empty prompt, for nobody
 * @param idToken       the token that the face embedding replaces
 * @returns conditioning, float [N, L, hidden_size]
 */
export function projectFace(
  w: Weights,
  config: ProjectionConfig,
  tokens: Value,
  faceEmbedding: Value,
  idToken: number,
): Value {
  if (config.model_type === "face_mlp") return mlpProjection(w, config, faceEmbedding);
  const conditioning = faceEncoder(w, config, injectIdentity(w, config, tokens, faceEmbedding, idToken));
  const { identity_squares: squares, hidden_size: width } = config;
  if (squares === undefined) return conditioning;
  return add(conditioning, squaredIdentity(w.at("identity_squares"), squares, width, faceEmbedding));
}
