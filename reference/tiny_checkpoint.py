"""test/fixtures/tiny: a few hundred kB with random weights, in the official folder layout."""

import hashlib

from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from checkpoint import SCHEDULER_CONFIG, write_diffusers, write_encoder, write_json, write_vae
from weights import FIXTURES, randomize

BEGIN, END, ID = 62, 63, 17
MANIFEST = {
    "prompt": {
        "tokens": [BEGIN, 11, 5, 3, ID, 29] + 7 * [END],
        "idToken": ID,
        "unconditional": [BEGIN] + 12 * [END],
    },
    "embeddingSize": 24,
    "recogniser": {"name": "tiny-recogniser", "sha256": hashlib.sha256(b"tiny-recogniser").hexdigest()},
    "defaults": {"sampler": "dpm++", "steps": 25, "guidanceScale": 3.0},
    "licence": "MIT",
}


def tiny_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(12, 24),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        attention_head_dim=2,
        norm_num_groups=4,
        cross_attention_dim=32,
    )


def tiny_encoder() -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=64,
            hidden_size=32,
            intermediate_size=48,
            projection_dim=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=13,
            bos_token_id=0,
            eos_token_id=2,
            pad_token_id=1,
        )
    )


def tiny_vae() -> AutoencoderKL:
    """Three levels, so a latent is a quarter of the image's side."""
    return AutoencoderKL(
        block_out_channels=(8, 8, 16),
        down_block_types=3 * ("DownEncoderBlock2D",),
        up_block_types=3 * ("UpDecoderBlock2D",),
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=32,
    )


def main() -> None:
    folder = FIXTURES / "tiny"
    write_diffusers(randomize(tiny_unet(), seed=1), folder / "arc2face")
    write_encoder(randomize(tiny_encoder(), seed=2), folder / "encoder")
    vae = randomize(tiny_vae(), seed=3)
    write_vae(vae, folder / "vae")
    write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER_CONFIG)
    write_json(folder / "arc2face.json", MANIFEST)


if __name__ == "__main__":
    main()
