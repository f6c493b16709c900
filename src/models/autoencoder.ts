import { add, div, mul, sub } from "../graph/operators/index.js";
import type { Value } from "../graph/value.js";
import type { Weights } from "../graph/weights.js";
import {
  decodeTiny,
  encodeTiny,
  parseTinyAutoencoderConfig,
  type TinyAutoencoderConfig,
  tinyAutoencoderFactor,
} from "./tiny-autoencoder.js";
import { decodeLatents, encodeImage, parseVaeConfig, type VaeConfig, vaeFactor } from "./vae.js";

/** What stands between pixels and latents: diffusers' AutoencoderKL, or AutoencoderTiny. */
export type Autoencoder =
  | { readonly kind: "kl"; readonly config: VaeConfig }
  | { readonly kind: "tiny"; readonly config: TinyAutoencoderConfig };

/**
 * Checks an autoencoder's `config.json`, whose `_class_name` says which one it is (absent: AutoencoderKL).
 * @throws CheckpointError naming each key that is unknown or unsupported
 */
export function parseAutoencoder(json: unknown, where = "VAE config"): Autoencoder {
  const isTiny = (json as { _class_name?: unknown } | null)?._class_name === "AutoencoderTiny";
  return isTiny
    ? { kind: "tiny", config: parseTinyAutoencoderConfig(json, where) }
    : { kind: "kl", config: parseVaeConfig(json, where) };
}

/** Pixels per latent along one axis. */
export function latentFactor(autoencoder: Autoencoder): number {
  return autoencoder.kind === "tiny" ? tinyAutoencoderFactor(autoencoder.config) : vaeFactor(autoencoder.config);
}

/**
 * Encodes images to latents on the network's own scale.
 * @param image float [N, 3, H, W] in [-1, 1]
 * @returns mean float [N, latent_channels, H/factor, W/factor]; AutoencoderKL also has a log-variance like it
 */
export function encode(w: Weights, autoencoder: Autoencoder, image: Value): { mean: Value; logvar?: Value } {
  return autoencoder.kind === "tiny"
    ? { mean: encodeTiny(w, autoencoder.config, image) }
    : encodeImage(w, autoencoder.config, image);
}

/**
 * Decodes latents on the network's own scale.
 * @returns float [N, 3, H, W], about [-1, 1] (not clamped)
 */
export function decode(w: Weights, autoencoder: Autoencoder, latents: Value): Value {
  return autoencoder.kind === "tiny"
    ? decodeTiny(w, autoencoder.config, latents)
    : decodeLatents(w, autoencoder.config, latents);
}

/** Brings latents from the network's own scale to that of diffusion, which has unit variance. */
export function toDiffusionScale({ config }: Autoencoder, latents: Value): Value {
  return mul(sub(latents, config.shift_factor ?? 0), config.scaling_factor);
}

/** Undoes {@link toDiffusionScale}. */
export function fromDiffusionScale({ config }: Autoencoder, latents: Value): Value {
  return add(div(latents, config.scaling_factor), config.shift_factor ?? 0);
}
