"""test/fixtures/autoencoders: TAESD, DC-AE without attention, and VAEs with the options that SD-1.5's does not use."""

import torch
from diffusers import AutoencoderDC, AutoencoderKL, AutoencoderTiny

from checkpoint import write_json
from weights import FIXTURES, generator, randomize, save_tensors

# TAESD: levels, channels and block counts in proportion to `madebyollin/taesd`, whose config leaves the rest out.
TAESD = {
    "in_channels": 3,
    "out_channels": 3,
    "encoder_block_out_channels": [6, 6, 6],
    "decoder_block_out_channels": [6, 6, 6],
    "act_fn": "relu",
    "latent_channels": 4,
    "upsampling_scaling_factor": 2,
    "num_encoder_blocks": [1, 2, 2],
    "num_decoder_blocks": [2, 2, 1],
    "latent_magnitude": 3,
    "latent_shift": 0.5,
    "scaling_factor": 1.0,
}
# Current attention names, two layers per block, 16-channel latents without the 1x1 convolutions, shifted (SD 3, FLUX).
SHIFTED = {
    "block_out_channels": [4, 8],
    "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D"],
    "layers_per_block": 2,
    "latent_channels": 16,
    "norm_num_groups": 2,
    "sample_size": 16,
    "scaling_factor": 1.5305,
    "shift_factor": 0.0609,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
}
# Current attention names otherwise as SD-1.5; no attention in the middle.
NO_ATTENTION = {
    "block_out_channels": [4, 8],
    "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D"],
    "norm_num_groups": 2,
    "sample_size": 16,
    "mid_block_add_attention": False,
}
# One level that starts at full size, and one that does not; shortcuts that take means of several channels.
DEEP = {
    "latent_channels": 4,
    "encoder_block_types": "ResBlock",
    "decoder_block_types": "ResBlock",
    "encoder_block_out_channels": [4, 8, 16],
    "decoder_block_out_channels": [4, 8, 8],
    "encoder_layers_per_block": [0, 1, 2],
    "decoder_layers_per_block": [1, 2, 1],
    "encoder_qkv_multiscales": [[], [], []],
    "decoder_qkv_multiscales": [[], [], []],
    "scaling_factor": 0.5,
}


@torch.no_grad()
def main() -> None:
    write(AutoencoderTiny, TAESD, "taesd", seed=40)
    write(AutoencoderKL, SHIFTED, "shifted", seed=41)
    write(AutoencoderKL, NO_ATTENTION, "no-attention", seed=42)
    write(AutoencoderDC, DEEP, "dc", seed=43)


def write(network_class: type, config: dict, name: str, seed: int) -> None:
    vae = randomize(network_class(**config), seed)
    channels = config.get("latent_channels", 4)
    image = 2 * torch.rand(2, 3, 8, 16, generator=generator(seed)) - 1
    latents = 2 * torch.randn(2, channels, 4, 6, generator=generator(seed + 100))
    encoded = vae.encode(image)
    mean = encoded.latent_dist.mean if network_class is AutoencoderKL else encoded[0]
    decoded = vae.decode(latents).sample
    folder = FIXTURES / "autoencoders" / name
    write_json(folder / "config.json", {"_class_name": network_class.__name__, **config})
    save_tensors(vae.state_dict(), folder / "diffusion_pytorch_model.safetensors")
    save_tensors(
        {"encode/in0": image, "encode/mean": mean, "decode/in0": latents, "decode/out": decoded},
        folder / "parity.safetensors",
    )
    print(f"{name}: latents std {mean.std():.2f}, image std {decoded.std():.2f}")


if __name__ == "__main__":
    main()
