"""test/fixtures/pipeline: faces drawn by diffusers with the tiny checkpoint, the official Arc2Face procedure.

Each run keeps the latents before decoding and the picture of every image; runs.json says what was run.
"""

from math import isinf
from typing import NamedTuple

import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
)
from diffusers.image_processor import VaeImageProcessor
from torch.nn.functional import normalize

from arc2face_model import Arc2FaceModel, encode_face, encode_nothing, load_model
from checkpoint import write_json
from lora import merged
from weights import FIXTURES, generator, save_tensors

FOLDER = FIXTURES / "pipeline"
# Different sides, so that a transposed image cannot pass.
HEIGHT, WIDTH = 64, 48


class Run(NamedTuple):
    name: str
    scheduler: type
    steps: int
    guidance_scale: float
    seeds: tuple[int, ...]
    lora: str | None = None
    # Keys of scheduler_config.json that differ from SD-1.5's.
    scheduler_keys: dict = {}


RUNS = [
    Run("official", DPMSolverMultistepScheduler, 25, 3.0, (7, 1234)),
    Run("lcm", LCMScheduler, 4, 1.0, (7, 1234), lora="kohya"),
    Run("ddim", DDIMScheduler, 10, 3.0, (7,)),
    Run("ddpm", DDPMScheduler, 10, 3.0, (7,)),
    Run("euler", EulerDiscreteScheduler, 10, 3.0, (7,)),
    Run("euler-ancestral", EulerAncestralDiscreteScheduler, 10, 3.0, (7,)),
    # As models are trained that predict velocities: from pure noise, where epsilon would say nothing.
    Run(
        "v-prediction",
        DDIMScheduler,
        6,
        3.0,
        (7,),
        scheduler_keys={
            "prediction_type": "v_prediction",
            "timestep_spacing": "trailing",
            "rescale_betas_zero_snr": True,
        },
    ),
]


def main() -> None:
    model = load_model(FIXTURES / "tiny")
    face_embedding = normalize(torch.randn(1, 24, generator=generator(60)), dim=1)
    write_json(FOLDER / "embedding.json", {"embedding": face_embedding[0].tolist()})
    described = []
    latents_of_runs = {}
    for run in RUNS:
        pipeline = build_pipeline(model, run)
        latents = draw(pipeline, model, face_embedding, run)
        latents_of_runs[run.name] = latents
        pictures = decode(pipeline, latents)
        for seed, picture in zip(run.seeds, pictures):
            picture.save(FOLDER / f"{run.name}-{seed}.png")
        described.append(describe(run, pipeline.scheduler))
        print(f"{run.name}: latents std {latents.std():.2f}, largest {latents.abs().max():.1f}")
    save_tensors(latents_of_runs, FOLDER / "latents.safetensors")
    write_json(FOLDER / "runs.json", {"runs": described})


def build_pipeline(model: Arc2FaceModel, run: Run) -> StableDiffusionPipeline:
    config = {**model.scheduler_config, **run.scheduler_keys}
    scheduler = run.scheduler.from_config(PNDMScheduler.from_config(config).config)
    unet = merged(FIXTURES / "lora" / f"{run.lora}.safetensors", 1.0) if run.lora else model.unet
    pipeline = StableDiffusionPipeline(
        vae=model.vae,
        text_encoder=None,
        tokenizer=None,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw(
    pipeline: StableDiffusionPipeline, model: Arc2FaceModel, face_embedding: torch.Tensor, run: Run
) -> torch.Tensor:
    """Latents [N, 4, H, W], one image for each seed."""
    return pipeline(
        prompt_embeds=encode_face(model, face_embedding).repeat(len(run.seeds), 1, 1),
        negative_prompt_embeds=encode_nothing(model, len(run.seeds)),
        height=HEIGHT,
        width=WIDTH,
        num_inference_steps=run.steps,
        guidance_scale=run.guidance_scale,
        generator=[generator(seed) for seed in run.seeds],
        output_type="latent",
    ).images


@torch.no_grad()
def decode(pipeline: StableDiffusionPipeline, latents: torch.Tensor) -> list:
    image = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
    return VaeImageProcessor().postprocess(image, output_type="pil")


def describe(run: Run, scheduler) -> dict:
    """What was run, with the options that the scheduler ended up with and the time steps it visited."""
    options = {
        key: value
        for key, value in sorted(scheduler.config.items())
        # JSON has no infinity (`lambda_min_clipped`: no clipping).
        if not key.startswith("_") and not (isinstance(value, float) and isinf(value))
    }
    return {
        **run._asdict(),
        "scheduler": type(scheduler).__name__,
        "scheduler_config": options,
        "timesteps": [float(t) for t in scheduler.timesteps],
        "height": HEIGHT,
        "width": WIDTH,
    }


if __name__ == "__main__":
    main()
