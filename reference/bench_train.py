"""How fast PyTorch trains a small UNet on CPU: forward, backward, clipping, AdamW, EMA; prints JSON."""

import argparse
import json
from pathlib import Path
from time import perf_counter

import torch
from diffusers import UNet2DConditionModel

BATCH = 32


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    config = json.loads(arguments.config.read_text())
    # The faster of the two memory layouts counts.
    rates = [rate(config, layout, arguments.steps) for layout in (torch.contiguous_format, torch.channels_last)]
    parameters = sum(p.numel() for p in UNet2DConditionModel.from_config(config).parameters())
    print(json.dumps({"engine": f"torch {torch.__version__} CPU", "parameters": parameters, "images_per_second": max(rates)}))


def rate(config: dict, layout: torch.memory_format, steps: int) -> float:
    unet = UNet2DConditionModel.from_config(config).to(memory_format=layout)
    average = [p.detach().clone() for p in unet.parameters()]
    optimizer = torch.optim.AdamW(unet.parameters(), lr=1e-4, weight_decay=0.01)
    latents = torch.randn(BATCH, config["in_channels"], 16, 16).to(memory_format=layout)
    target = torch.randn_like(latents)
    timesteps = 31 * torch.arange(BATCH)
    conditioning = torch.randn(BATCH, 8, config["cross_attention_dim"])

    def step() -> None:
        loss = torch.nn.functional.mse_loss(unet(latents, timesteps, conditioning).sample, target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        torch._foreach_lerp_(average, [p.detach() for p in unet.parameters()], 0.001)

    step()
    start = perf_counter()
    for _ in range(steps):
        step()
    return steps * BATCH / (perf_counter() - start)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="config.json of the UNet")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--steps", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
