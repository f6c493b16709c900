import { add, div, mul, sub } from "../graph/operators/index.js";
import type { Value } from "../graph/value.js";
import type { Weights } from "../graph/weights.js";
import {
  type DcAutoencoderConfig,
  dcAutoencoderFactor,
  decodeDc,
  encodeDc,
  parseDcAutoencoderConfig,
} from "./dc-autoencoder.js";
import {
  decodeTiny,
  encodeTiny,
  parseTinyAutoencoderConfig,
  type TinyAutoencoderConfig,
  tinyAutoencoderFactor,
} from "./tiny-autoencoder.js";
import { decodeLatents, encodeImage, parseVaeConfig, type VaeConfig, vaeFactor } from "./vae.js";

/** What stands between pixels and latents: one of diffusers' autoencoders. */
export type Autoencoder =
  | { readonly kind: "AutoencoderKL"; readonly config: VaeConfig }
  | { readonly kind: "AutoencoderTiny"; readonly config: TinyAutoencoderConfig }
  | { readonly kind: "AutoencoderDC"; readonly config: DcAutoencoderConfig };

/**
 * Checks an autoencoder's `config.json`, whose `_class_name` says which one it is (absent: AutoencoderKL).
 * @throws CheckpointError naming each key that is unknown or unsupported
 */
export function parseAutoencoder(json: unknown, where = "VAE config"): Autoencoder {
  const name = (json as { _class_name?: unknown } | null)?._class_name;
  if (name === "AutoencoderTiny") return { kind: name, config: parseTinyAutoencoderConfig(json, where) };
  if (name === "AutoencoderDC") return { kind: name, config: parseDcAutoencoderConfig(json, where) };
  return { kind: "AutoencoderKL", config: parseVaeConfig(json, where) };
}

/** Pixels per latent along one axis. */
export function latentFactor({ kind, config }: Autoencoder): number {
  switch (kind) {
    case "AutoencoderTiny":
      return tinyAutoencoderFactor(config);
    case "AutoencoderDC":
      return dcAutoencoderFactor(config);
    case "AutoencoderKL":
      return vaeFactor(config);
  }
}

/**
 * Encodes images to latents on the network's own scale.
 * @param image float [N, 3, H, W] in [-1, 1]
 * @returns mean float [N, latent_channels, H/factor, W/factor]; AutoencoderKL also has a log-variance like it
 */
export function encode(w: Weights, { kind, config }: Autoencoder, image: Value): { mean: Value; logvar?: Value } {
  switch (kind) {
    case "AutoencoderTiny":
      return { mean: encodeTiny(w, config, image) };
    case "AutoencoderDC":
      return { mean: encodeDc(w, config, image) };
    case "AutoencoderKL":
      return encodeImage(w, config, image);
  }
}

/**
 * Decodes latents on the network's own scale.
 * @returns float [N, 3, H, W], about [-1, 1] (not clamped)
 */
export function decode(w: Weights, { kind, config }: Autoencoder, latents: Value): Value {
  switch (kind) {
    case "AutoencoderTiny":
      return decodeTiny(w, config, latents);
    case "AutoencoderDC":
      return decodeDc(w, config, latents);
    case "AutoencoderKL":
      return decodeLatents(w, config, latents);
  }
}

/** Brings latents from the network's own scale to that of diffusion, which has unit variance. */
export function toDiffusionScale({ config }: Autoencoder, latents: Value): Value {
  return mul(sub(latents, config.shift_factor ?? 0), config.scaling_factor);
}

/** Undoes {@link toDiffusionScale}. */
export function fromDiffusionScale({ config }: Autoencoder, latents: Value): Value {
  return add(div(latents, config.scaling_factor), config.shift_factor ?? 0);
}
