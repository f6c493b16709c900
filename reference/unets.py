"""test/fixtures/unets: one tiny UNet for each group of options that official configs of the SD family use."""

import torch
from diffusers import UNet2DConditionModel

from checkpoint import write_json
from weights import FIXTURES, generator, randomize, save_tensors

COMMON = {
    "sample_size": 8,
    "block_out_channels": [4, 8],
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "layers_per_block": 1,
    "attention_head_dim": 2,
    "norm_num_groups": 2,
    "cross_attention_dim": 6,
}

# Configs are written with only the keys given here, so that defaults are tested too.
VARIANTS = {
    # SD 2.x: linear projections around attention, heads per block, two layers per block.
    "linear-projection": {
        "use_linear_projection": True,
        "attention_head_dim": [1, 4],
        "layers_per_block": 2,
        "dual_cross_attention": False,
        "upcast_attention": True,
    },
    # Three levels with unequal numbers of layers and of transformer layers.
    "layer-lists": {
        "block_out_channels": [4, 4, 8],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "layers_per_block": [1, 2, 1],
        "transformer_layers_per_block": [1, 1, 2],
        "cross_attention_dim": [6, 6, 6],
    },
    # x4 upscaler: attention to the conditioning only; first level without self-attention.
    "only-cross-attention": {
        "only_cross_attention": [True, False],
        "mid_block_only_cross_attention": False,
        "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
        "num_attention_heads": None,
    },
    # No middle block, as in distilled UNets.
    "no-mid-block": {"mid_block_type": None},
    # A middle block of a single residual block.
    "plain-mid-block": {"mid_block_type": "UNetMidBlock2D"},
    # Spatial self-attention without conditioning.
    "attn-blocks": {
        "down_block_types": ["AttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "AttnUpBlock2D"],
        "attention_head_dim": 4,
    },
    # The time embedding scales and shifts the second norm.
    "scale-shift": {"resnet_time_scale_shift": "scale_shift"},
    # Every other number and switch that changes the arithmetic.
    "numbers": {
        "in_channels": 5,
        "out_channels": 3,
        "center_input_sample": True,
        "flip_sin_to_cos": False,
        "freq_shift": 1,
        "downsample_padding": 0,
        "mid_block_scale_factor": 1.7,
        "act_fn": "gelu",
        "norm_eps": 1e-3,
        "conv_in_kernel": 5,
        "conv_out_kernel": 1,
        "time_embedding_dim": 20,
    },
}


@torch.no_grad()
def main() -> None:
    for seed, (name, options) in enumerate(VARIANTS.items(), start=20):
        config = {**COMMON, **options}
        unet = randomize(UNet2DConditionModel(**config), seed)
        latents = torch.randn(2, unet.config.in_channels, 8, 12, generator=generator(seed))
        timesteps = torch.tensor([701, 3])
        conditioning = torch.randn(2, 5, 6, generator=generator(seed + 100))
        out = unet(latents, timesteps, conditioning).sample
        folder = FIXTURES / "unets" / name
        write_json(folder / "config.json", {"_class_name": "UNet2DConditionModel", **config})
        save_tensors(unet.state_dict(), folder / "diffusion_pytorch_model.safetensors")
        save_tensors(
            {"latents": latents, "timesteps": timesteps, "conditioning": conditioning, "out": out},
            folder / "parity.safetensors",
        )
        print(f"{name}: output std {out.std():.2f}")


if __name__ == "__main__":
    main()
