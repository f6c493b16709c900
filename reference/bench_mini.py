"""How fast diffusers on PyTorch's CPU backend makes images with a small model folder; prints JSON.

From the face embedding to pixels, with DPM-Solver++ and guidance, in PyTorch's default memory layout and in
channels-last; the better figure is reported.
"""

import argparse
import json
from pathlib import Path
from time import perf_counter

import torch
from diffusers import DPMSolverMultistepScheduler

from arc2face_model import Arc2FaceModel, encode_face, encode_nothing, load_model

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


@torch.inference_mode()
def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    model = load_model(arguments.model)
    runs = [
        {"batch": batch, "steps": steps, **time_both_layouts(model, batch, steps, arguments.runs)}
        for batch in (1, 16)
        for steps in (4, 25)
    ]
    print(json.dumps({"engine": f"torch {torch.__version__} CPU", "runs": runs}, indent=2))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--runs", type=int, default=3, help="timed runs after one untimed run; the fastest counts")
    return parser.parse_args()


def make_images(model: Arc2FaceModel, batch: int, steps: int, guidance: float = 2) -> torch.Tensor:
    scheduler = DPMSolverMultistepScheduler.from_config(model.scheduler_config)
    scheduler.set_timesteps(steps)
    face = torch.nn.functional.normalize(torch.randn(1, model.manifest["embeddingSize"]), dim=1)
    contexts = torch.cat([encode_nothing(model, 1).expand(batch, -1, -1), encode_face(model, face).expand(batch, -1, -1)])
    size = model.unet.config.sample_size
    latents = torch.randn(batch, model.unet.config.in_channels, size, size)
    for timestep in scheduler.timesteps:
        nobody, someone = model.unet(torch.cat([latents, latents]), timestep, contexts).sample.chunk(2)
        latents = scheduler.step(nobody + guidance * (someone - nobody), timestep, latents).prev_sample
    return model.vae.decode(latents / model.vae.config.scaling_factor).sample


def time_both_layouts(model: Arc2FaceModel, batch: int, steps: int, runs: int) -> dict:
    seconds = {}
    for name, layout in LAYOUTS.items():
        model.unet.to(memory_format=layout)
        model.vae.to(memory_format=layout)
        make_images(model, batch, steps)
        seconds[name] = min(time_once(model, batch, steps) for _ in range(runs))
    best = min(seconds, key=seconds.get)
    return {"seconds": round(seconds[best], 4), "layout": best}


def time_once(model: Arc2FaceModel, batch: int, steps: int) -> float:
    start = perf_counter()
    make_images(model, batch, steps)
    return perf_counter() - start


if __name__ == "__main__":
    main()
