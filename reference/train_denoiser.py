"""Trains a model folder's UNet and encoder as `arc2face train arc2face` does, in bfloat16: for processors with AMX, where a step of
mini took two thirds of the time.

Denoising, and what the recogniser sees in decoded predictions for photos with noise; weights, moments and the moving average are float32.
Run again to go on. The learning rate falls as a cosine of the minutes that have passed.

    python reference/train_denoiser.py recipes/mini/identity.json START OUT --recogniser fr_feature.onnx --minutes 50 \
        --data ffhq --data photo --data ffhq-studio --data photo-studio --shares 0.12 0 0.5 0.38
"""

import argparse
import copy
import json
import math
import os
from pathlib import Path
from time import monotonic

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from twin import Networks, load_autoencoder, load_recogniser, save_model

WARM_UP = 50
EMA_DECAY = 0.998


def main() -> None:
    arguments = parse_arguments()
    recipe = json.loads(arguments.recipe.read_text())
    torch.set_num_threads(arguments.threads)
    run = Run(arguments, recipe)
    while run.minutes() < arguments.minutes:
        run.step()
        if run.steps % 25 == 0:
            run.report()
        if run.steps % 300 == 0:
            run.save()
    run.save()


class Run:
    def __init__(self, arguments: argparse.Namespace, recipe: dict) -> None:
        self.arguments, self.recipe = arguments, recipe
        self.data = Faces(arguments.data, arguments.shares, recipe["prompts"])
        self.networks = Networks(arguments.start)
        self.names = [name for name, _ in self.networks.named_parameters()]
        self.master = [torch.nn.Parameter(p.data.clone()) for _, p in self.networks.named_parameters()]
        self.average = [p.data.clone() for p in self.master]
        self.working = copy.deepcopy(self.networks).bfloat16().to(memory_format=torch.channels_last)
        self.unet = torch.compile(self.working.unet, dynamic=False)
        vae, self.scaling_factor = load_autoencoder(arguments.start)
        self.vae = vae.bfloat16()
        self.recogniser = load_recogniser(arguments.recogniser)
        self.crop = [interpolation(128, start, 0.73, 112).bfloat16() for start in (0.126, 0.135)]
        # Encoder and map were fitted, and know what few photos do not teach (recipes/mini/identity.json).
        slow = lambda name: name.startswith("encoder.") or (name.startswith("map.") and "map/weight" not in name)  # noqa: E731
        groups = [{"params": [p for n, p in zip(self.names, self.master) if slow(n) == is_slow]} for is_slow in (False, True)]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.01)
        self.steps, self.spent, self.losses = 0, 0.0, []
        self.file = arguments.out / "state.pt"
        arguments.out.mkdir(parents=True, exist_ok=True)
        if self.file.exists():
            self.load()
        self.first, self.start_time = self.steps, monotonic()
        torch.manual_seed(self.steps)
        self.push()

    def minutes(self) -> float:
        return (self.spent + monotonic() - self.start_time) / 60

    def step(self) -> None:
        options, networks = self.recipe["loss"]["identity"], self.working
        count, images = self.arguments.batch, options["images"]
        clean, faces, tokens = self.data.batch(count)
        faces = F.normalize(faces + self.recipe["embeddingNoise"] * torch.randn_like(faces) / faces.shape[1] ** 0.5, dim=1)
        dropped = torch.rand(count) < self.recipe["identityDropout"]
        tokens[dropped] = torch.tensor(networks.prompt["unconditional"])
        faces[dropped] = 0
        timesteps = torch.randint(0, 1000, (count,))
        alpha = SIGNAL[timesteps][:, None, None, None]
        sigma = (1 - alpha * alpha).sqrt()
        noise = torch.randn_like(clean)
        noisy, target = alpha * clean + sigma * noise, alpha * noise - sigma * clean
        velocity = networks.predict(self.unet, noisy, timesteps, networks.encode(tokens, faces.bfloat16()))
        denoising = ((velocity - target) ** 2).mean()
        predicted = ((alpha * noisy - sigma * velocity)[:images] / self.scaling_factor).bfloat16()
        decoded = self.vae.decode(predicted.contiguous(memory_format=torch.channels_last)).sample
        crops = (self.crop[0] @ decoded @ self.crop[1].t()).contiguous(memory_format=torch.channels_last)
        is_seen = ((timesteps < options["belowTimestep"]) & ~dropped)[:images].float()
        identity = ((1 - F.cosine_similarity(self.recogniser(crops).float(), faces[:images])) * is_seen).mean()
        (denoising + options["weight"] * identity).backward()
        self.update()
        self.losses.append((denoising.item(), identity.item()))

    @torch.no_grad()
    def update(self) -> None:
        for master, working in zip(self.master, self.working.parameters()):
            master.grad = None if working.grad is None else working.grad.float()
            working.grad = None
        torch.nn.utils.clip_grad_norm_(self.master, 1.0, error_if_nonfinite=True)
        warm = min(1, (self.steps - self.first + 1) / WARM_UP)
        shape = (1 + math.cos(math.pi * min(1, self.minutes() / self.arguments.minutes))) / 2
        for group, scale in zip(self.optimizer.param_groups, (1, 0.2)):
            group["lr"] = scale * warm * (1e-5 + (self.arguments.rate - 1e-5) * shape)
        self.optimizer.step()
        torch._foreach_lerp_(self.average, [p.data for p in self.master], 1 - EMA_DECAY)
        self.push()
        self.steps += 1

    @torch.no_grad()
    def push(self) -> None:
        for working, master in zip(self.working.parameters(), self.master):
            working.copy_(master)

    def report(self) -> None:
        means = torch.tensor(self.losses).mean(0)
        line = {"step": self.steps, "denoising": means[0].item(), "identity": means[1].item(), "minutes": self.minutes()}
        with (self.arguments.out / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
        self.losses = []

    def save(self) -> None:
        state = {
            "steps": self.steps,
            "spent": 60 * self.minutes(),
            "master": [p.data for p in self.master],
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
        }
        partial = self.file.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.file)
        save_model(self.arguments.out / "model", self.arguments.start, dict(zip(self.names, self.average)))

    def load(self) -> None:
        state = torch.load(self.file, weights_only=True)
        for parameter, value in zip(self.master, state["master"]):
            parameter.data.copy_(value)
        self.average, self.steps, self.spent = state["average"], state["steps"], state["spent"]
        self.optimizer.load_state_dict(state["optimizer"])


class Faces:
    """Datasets made by `arc2face dataset`, each with its share of a batch and its pseudo-prompt."""

    def __init__(self, folders: list[Path], shares: list[float], prompts: list[list[int]]) -> None:
        self.shares, self.prompts = torch.tensor(shares), torch.tensor(prompts)
        self.latents = [load_file(folder / "latents.safetensors")["latents"] for folder in folders]
        self.embeddings = [load_file(folder / "embeddings.safetensors")["embeddings"] for folder in folders]

    def batch(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Latents [N, C, H, W] of photos or their mirror images, embeddings [N, E], tokens [N, L]."""
        groups = torch.multinomial(self.shares, count, replacement=True)
        rows = [(int(g), int(torch.randint(len(self.embeddings[g]), ()))) for g in groups]
        mirrored = torch.randint(2, (count,))
        latents = torch.stack([self.latents[g][row, m] for (g, row), m in zip(rows, mirrored)]).float()
        return latents, torch.stack([self.embeddings[g][row] for g, row in rows]), self.prompts[groups]


def signal() -> Tensor:
    """Factor of the clean latents at each timestep: Stable Diffusion's schedule with zero terminal SNR (Lin 2024, Algorithm 1)."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    roots = (1 - betas).cumprod(0).sqrt()
    return ((roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])).float()


SIGNAL = signal()


def interpolation(size: int, start: float, side: float, to: int) -> Tensor:
    """[to, size]: bilinear weights of the ArcFace crop in an FFHQ crop; src/train/losses.ts, `resample`."""
    scale = side * size / to
    centres = start * size + (torch.arange(to) + 0.5) * scale - 0.5
    weights = (1 - (torch.arange(size)[None] - centres[:, None]).abs() / max(1, scale)).clamp(min=0)
    return weights / weights.sum(1, keepdim=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("start", type=Path, help="model folder")
    parser.add_argument("out", type=Path, help="gets state.pt, log.jsonl and model/")
    parser.add_argument("--data", type=Path, action="append", required=True, help="in the order of the recipe's prompts")
    parser.add_argument("--shares", type=float, nargs="+", required=True, help="of each dataset in a batch")
    parser.add_argument("--recogniser", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=4e-4, help="highest learning rate")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args()


if __name__ == "__main__":
    main()
