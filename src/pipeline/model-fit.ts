import { CheckpointError } from "../errors.js";
import type { ModelFolder } from "./model-folder.js";

/**
 * Checks that the parts of a model fit each other, so that a mixed-up folder is refused when it is opened and by what its
 * files say, not by the shape of some weight.
 * @throws CheckpointError naming the two settings that disagree
 */
export function requireFit({ path, manifest, unet, encoder, autoencoder }: ModelFolder): void {
  const { prompt, embeddingSize } = manifest;
  const { hidden_size: width, max_position_embeddings: positions } = encoder.config;
  const refuse = (problem: string) => {
    throw new CheckpointError(`${path}: ${problem}`);
  };

  // An MLP takes embeddings of any length, and no tokens.
  if (encoder.config.model_type !== "face_mlp") {
    const { vocab_size: vocabulary } = encoder.config;
    if (embeddingSize > width) {
      refuse(
        `face embeddings of ${embeddingSize} numbers do not fit the encoder's hidden_size ${width}; ${byManifest}`,
      );
    }
    const foreign = [...prompt.tokens, ...prompt.unconditional].find((token) => token >= vocabulary);
    if (foreign !== undefined) {
      refuse(`token ${foreign} of the prompt is outside of the encoder's vocab_size ${vocabulary}; ${byManifest}`);
    }
  }
  for (const [name, { length }] of Object.entries({ tokens: prompt.tokens, unconditional: prompt.unconditional })) {
    if (length > positions) {
      refuse(`${name} has ${length} ids, but the encoder's max_position_embeddings is ${positions}; ${byManifest}`);
    }
  }
  if (prompt.unconditional.length !== prompt.tokens.length) {
    refuse(
      `unconditional has ${prompt.unconditional.length} ids and tokens ${prompt.tokens.length}; ` +
        "pad the shorter one in arc2face.json",
    );
  }

  const { in_channels: channels, out_channels: predicted, cross_attention_dim: attended } = unet.config;
  for (const size of [attended].flat()) {
    if (size !== width) refuse(`the UNet's cross_attention_dim ${size} is not the encoder's hidden_size ${width}`);
  }
  if (predicted !== channels) refuse(`the UNet's in_channels ${channels} and out_channels ${predicted} differ`);
  const latent = autoencoder.config.latent_channels;
  if (latent !== channels) refuse(`the UNet's in_channels ${channels} is not the VAE's latent_channels ${latent}`);
}

const byManifest = "arc2face.json says what the model was trained with, and without it the official values hold";
