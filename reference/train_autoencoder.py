"""Trains an AutoencoderDC whose latents resemble those of a model folder, as `arc2face train autoencoder --near` does, in bfloat16.

On one thread, beside other work. Writes the moving average of the weights, float32.

    python reference/train_autoencoder.py recipes/mini/autoencoder.json --near MODEL --ffhq FOLDER --portraits FOLDER --out ema.safetensors
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from twin import load_autoencoder, new_dc_autoencoder

BATCH, WARM_UP = 16, 100
# Of FFHQ in a batch; the rest are portraits, cut out of a larger square at random.
FFHQ_SHARE = 0.62


def main() -> None:
    arguments = parse_arguments()
    recipe = json.loads(arguments.recipe.read_text())
    torch.set_num_threads(1)
    torch.manual_seed(0)
    ffhq, portraits = read(arguments.ffhq, 128), read(arguments.portraits, 176)
    config = {key: value for key, value in recipe["autoencoder"].items() if key != "_class_name"}
    vae = new_dc_autoencoder(config).to(memory_format=torch.channels_last)
    for module in vae.modules():
        if type(module).__name__ == "ResBlock":  # adds nothing yet (Zhang 2019, Fixup)
            nn.init.zeros_(module.norm.weight)
            nn.init.zeros_(module.norm.bias)
    near, scaling_factor = load_autoencoder(arguments.near)
    average = {name: value.detach().clone() for name, value in vae.state_dict().items()}
    optimizer = torch.optim.AdamW(vae.parameters(), betas=(0.9, 0.99), weight_decay=0)
    rate, losses = recipe["learningRate"], []
    for step in range(arguments.steps):
        progress = max(0, step - WARM_UP) / (arguments.steps - WARM_UP)
        cosine = rate["final"] + (rate["peak"] - rate["final"]) * (1 + math.cos(math.pi * progress)) / 2
        optimizer.param_groups[0]["lr"] = cosine * min(1, (step + 1) / WARM_UP)
        images = torch.stack([draw(ffhq if torch.rand(()) < FFHQ_SHARE else portraits) for _ in range(BATCH)])
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                wanted = near.encode(images)[0].float() * scaling_factor
            latents = vae.encode(images).latent.float()
            decoded = vae.decode(latents + arguments.latent_noise * torch.randn_like(latents)).sample.float()
        l1 = (decoded - images).abs().mean()
        distance = ((latents - wanted) ** 2).mean()
        size = (latents**2 - 1).mean() / 2
        optimizer.zero_grad()
        (l1 + arguments.near_weight * distance + recipe["loss"]["kl"] * size).backward()
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        decay = min(recipe["ema"]["decay"], 1 - (1 + step) ** (-2 / 3))
        for name, value in vae.state_dict().items():
            average[name].lerp_(value, 1 - decay)
        losses.append((l1.item(), distance.item(), ((decoded - images) ** 2).mean().item()))
        if (step + 1) % 100 == 0:
            means = np.mean(losses[-100:], 0)
            print(f"{step + 1}: L1 {means[0]:.4f}, near {means[1]:.3f}, {10 * math.log10(4 / means[2]):.1f} dB", flush=True)
    save_file({name: value.contiguous() for name, value in average.items()}, arguments.out)


def read(folder: Path, size: int) -> np.ndarray:
    files = sorted(folder.glob("*.jpg"))
    return np.stack([np.asarray(Image.open(file).convert("RGB").resize((size, size), Image.LANCZOS)) for file in files])


def draw(images: np.ndarray) -> Tensor:
    """128x128 pixels of a random image or its mirror image, [3, 128, 128] in [-1, 1]."""
    image = images[int(torch.randint(len(images), ()))]
    y, x = torch.randint(image.shape[0] - 127, (2,)).tolist()
    pixels = torch.from_numpy(image[y : y + 128, x : x + 128].copy()).permute(2, 0, 1).float() / 127.5 - 1
    return pixels.flip(2) if torch.rand(()) < 0.5 else pixels


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--near", type=Path, required=True, help="model folder whose latents to resemble")
    parser.add_argument("--near-weight", type=float, default=0.02)
    parser.add_argument("--latent-noise", type=float, default=0.2)
    parser.add_argument("--ffhq", type=Path, required=True)
    parser.add_argument("--portraits", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1800)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
