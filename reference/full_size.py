"""A checkpoint with random weights in the exact shapes of the official release, and one UNet evaluation to compare.

For measuring speed and memory, and for parity at full size, where the official weights may not be had.
"""

import argparse
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from torch.nn.functional import normalize
from transformers import CLIPTextConfig, CLIPTextModel

from arc2face_model import OFFICIAL_MANIFEST, Arc2FaceModel, encode_face
from checkpoint import SCHEDULER_CONFIG, write_encoder, write_json, write_vae
from weights import generator, randomize, save_tensors

DTYPES = {"f32": torch.float32, "f16": torch.float16}
# The UNet's config in stable-diffusion-v1-5, verbatim.
UNET_CONFIG = {
    "_class_name": "UNet2DConditionModel",
    "_diffusers_version": "0.6.0",
    "act_fn": "silu",
    "attention_head_dim": 8,
    "block_out_channels": [320, 640, 1280, 1280],
    "center_input_sample": False,
    "cross_attention_dim": 768,
    "down_block_types": [
        "CrossAttnDownBlock2D",
        "CrossAttnDownBlock2D",
        "CrossAttnDownBlock2D",
        "DownBlock2D",
    ],
    "downsample_padding": 1,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "in_channels": 4,
    "layers_per_block": 2,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-05,
    "norm_num_groups": 32,
    "out_channels": 4,
    "sample_size": 64,
    "up_block_types": [
        "UpBlock2D",
        "CrossAttnUpBlock2D",
        "CrossAttnUpBlock2D",
        "CrossAttnUpBlock2D",
    ],
}


def main() -> None:
    arguments = parse_arguments()
    folder = arguments.out or Path(__file__).parent / "full" / arguments.dtype
    dtype = DTYPES[arguments.dtype]

    # Half-precision weights are evaluated in f32: the reference is then exact for the values in the file.
    vae = randomize(full_vae(), seed=73).to(dtype)
    write_vae(vae, folder / "vae")
    encoder = randomize(full_encoder(), seed=72).to(dtype)
    write_encoder(encoder, folder / "encoder")
    unet = randomize(full_unet(), seed=71).to(dtype)
    write_json(folder / "arc2face" / "config.json", UNET_CONFIG)
    save_tensors(unet.state_dict(), folder / "arc2face" / "diffusion_pytorch_model.safetensors")
    write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER_CONFIG)

    model = Arc2FaceModel(unet.float(), encoder.float(), vae.float(), SCHEDULER_CONFIG, OFFICIAL_MANIFEST)
    save_tensors(evaluate(model), folder / "parity_full.safetensors")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, nargs="?", help="folder to write; default reference/full/<dtype>")
    parser.add_argument("--dtype", choices=DTYPES, default="f32", help="precision of the weights on disk")
    return parser.parse_args()


def full_unet() -> UNet2DConditionModel:
    """Not initialised: 860 million parameters are about to be overwritten anyway."""
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(UNET_CONFIG)
    return unet.to_empty(device="cpu")


def full_encoder() -> nn.Module:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=49408,
            hidden_size=768,
            intermediate_size=3072,
            projection_dim=768,
            num_hidden_layers=12,
            num_attention_heads=12,
            bos_token_id=0,
            eos_token_id=2,
            pad_token_id=1,
        )
    )


def full_vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=4 * ("DownEncoderBlock2D",),
        up_block_types=4 * ("UpDecoderBlock2D",),
        layers_per_block=2,
        sample_size=512,
    )


@torch.no_grad()
def evaluate(model: Arc2FaceModel) -> dict[str, torch.Tensor]:
    """One evaluation of each network, in f32."""
    face_embedding = normalize(torch.randn(1, 512, generator=generator(74)), dim=1)
    conditioning = encode_face(model, face_embedding)
    latents = torch.randn(1, 4, 64, 64, generator=generator(75))
    timestep = torch.tensor([601])
    small_latents = torch.randn(1, 4, 16, 24, generator=generator(76))
    tensors = {
        "faceEmbedding": face_embedding,
        "conditioning": conditioning,
        "latents": latents,
        "timestep": timestep,
        "out": model.unet(latents, timestep, conditioning).sample,
        "decode/in0": small_latents,
        "decode/out": model.vae.decode(small_latents).sample,
    }
    for name, value in tensors.items():
        print(f"{name}: mean {value.float().mean():.3f}, largest {value.abs().max():.3f}")
    return tensors


if __name__ == "__main__":
    main()
