"""Reference trajectories of the diffusers schedulers, for test/parity/samplers.test.ts.

Writes test/fixtures/samplers/cases.json (what was run) and samplers.f32 (float32 numbers, little endian).
Run from the repository's root: python reference/samplers.py
"""

import json
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg
from diffusers.schedulers import (
    scheduling_ddim,
    scheduling_ddpm,
    scheduling_dpmsolver_multistep,
    scheduling_euler_ancestral_discrete,
    scheduling_euler_discrete,
    scheduling_lcm,
)
from diffusers.training_utils import compute_snr

OUT = Path("test/fixtures/samplers")
SHAPE = (2, 1, 2, 3)
STEP_COUNTS = (1, 2, 4, 7, 25)
SPACINGS = ("linspace", "leading", "trailing")
PREDICTIONS = ("epsilon", "v_prediction", "sample")

# stable-diffusion-v1-5/scheduler/scheduler_config.json
SD15 = {
    "_class_name": "PNDMScheduler",
    "_diffusers_version": "0.6.0",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
    "clip_sample": False,
}

CLASSES = {
    "ddpm": (diffusers.DDPMScheduler, scheduling_ddpm),
    "ddim": (diffusers.DDIMScheduler, scheduling_ddim),
    "euler": (diffusers.EulerDiscreteScheduler, scheduling_euler_discrete),
    "euler-a": (diffusers.EulerAncestralDiscreteScheduler, scheduling_euler_ancestral_discrete),
    "dpm++": (diffusers.DPMSolverMultistepScheduler, scheduling_dpmsolver_multistep),
    "lcm": (diffusers.LCMScheduler, scheduling_lcm),
}


class Noise:
    """Uniform numbers in [-1, 1) that TypeScript makes from the same 32-bit generator."""

    def __init__(self, seed):
        self.state = seed
        self.draws = 0

    def draw(self, *_args, **_kwargs):
        self.draws += 1
        values = []
        for _ in range(int(np.prod(SHAPE))):
            self.state = (1664525 * self.state + 1013904223) % 2**32
            values.append((self.state >> 8) / 2**23 - 1)
        return torch.tensor(values, dtype=torch.float32).reshape(SHAPE)


def denoise(x, timestep):
    """A smooth function of latents and timestep that needs only + * /, so that it rounds alike everywhere."""
    bias = (torch.arange(x.numel(), dtype=torch.float32) * 0.125 - 0.5).reshape(x.shape)
    t = torch.as_tensor(timestep, dtype=torch.float32) / 1000
    return (x * 0.5 + bias * t) / (x * x * 0.125 + 1)


def unit_variance(sampler, scheduler, x, index):
    """Latents as the network gets them: the Euler schedulers keep them at another scale."""
    if sampler not in ("euler", "euler-a"):
        return x
    return x / (scheduler.sigmas[index] ** 2 + 1) ** 0.5


def trajectory(sampler, config, steps, eta):
    cls, module = CLASSES[sampler]
    scheduler = cls.from_config(config)
    noise = Noise(seed=1)
    module.randn_tensor = noise.draw
    scheduler.set_timesteps(steps)
    if hasattr(scheduler, "set_begin_index"):
        # Otherwise the index is looked up by timestep, and skips a step where Karras spacing starts with two alike.
        scheduler.set_begin_index(0)
    x = noise.draw() * scheduler.init_noise_sigma
    states = [unit_variance(sampler, scheduler, x, 0)]
    extra = {"eta": eta} if eta else {}
    for index, t in enumerate(scheduler.timesteps):
        output = denoise(scheduler.scale_model_input(x, t), t)
        x = scheduler.step(output, t, x, **extra).prev_sample
        states.append(unit_variance(sampler, scheduler, x, index + 1))
    assert torch.isfinite(torch.stack(states)).all(), (sampler, config, steps)
    return scheduler.timesteps.tolist(), torch.stack(states), noise.draws - 1


def variants():
    """(sampler, changes to the SD-1.5 config, eta)"""
    for sampler in CLASSES:
        for prediction in PREDICTIONS:
            if (sampler, prediction) == ("euler-a", "sample"):
                continue  # not implemented in diffusers
            # The first has no spacing in the file: the class's own default.
            for spacing in (None,) if sampler == "lcm" else (None, *SPACINGS):
                change = {"prediction_type": prediction}
                if spacing:
                    change["timestep_spacing"] = spacing
                yield sampler, change, 0
        for schedule in ("linear", "squaredcos_cap_v2"):
            if (sampler, schedule) == ("euler-a", "squaredcos_cap_v2"):
                continue  # diffusers returns NaN: sigma_to**2 - sigma_up**2 rounds below zero
            yield sampler, {"beta_schedule": schedule, "prediction_type": "v_prediction"}, 0
        zero_snr = {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "timestep_spacing": "trailing"}
        yield sampler, zero_snr, 0

    yield "ddim", {}, 0.5
    yield "ddim", {}, 1
    yield "ddim", {"timestep_spacing": "trailing", "set_alpha_to_one": True, "prediction_type": "sample"}, 1
    yield "euler", {"use_karras_sigmas": True}, 0
    yield "euler", {"use_karras_sigmas": True, "timestep_spacing": "leading", "final_sigmas_type": "sigma_min"}, 0
    yield "euler", {"final_sigmas_type": "sigma_min", "timestep_spacing": "trailing"}, 0
    yield "lcm", {"original_inference_steps": 100, "timestep_scaling": 4.0}, 0
    for order in (1, 2, 3):
        yield "dpm++", {"solver_order": order, "solver_type": "heun"}, 0
        yield "dpm++", {"solver_order": order, "use_karras_sigmas": True}, 0
        yield "dpm++", {"solver_order": order, "final_sigmas_type": "sigma_min", "lower_order_final": False}, 0
        yield "dpm++", {"solver_order": order, "final_sigmas_type": "sigma_min", "euler_at_final": True}, 0
    yield "dpm++", {"use_karras_sigmas": True, "final_sigmas_type": "sigma_min"}, 0


class Numbers:
    """One file of float32 numbers, addressed by element."""

    def __init__(self):
        self.parts = []
        self.length = 0

    def add(self, tensor):
        values = np.asarray(tensor, dtype="<f4").ravel()
        start = self.length
        self.parts.append(values)
        self.length += values.size
        return [start, values.size]


def main():
    numbers = Numbers()
    cases = []
    for sampler, change, eta in variants():
        runs = []
        for steps in STEP_COUNTS:
            timesteps, states, draws = trajectory(sampler, {**SD15, **change}, steps, eta)
            runs.append({"steps": steps, "timesteps": timesteps, "draws": draws, "states": numbers.add(states)})
        cases.append({"sampler": sampler, "change": change, "eta": eta, "runs": runs})

    schedules = []
    for change in (
        {},
        {"beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02},
        {"beta_schedule": "squaredcos_cap_v2"},
        {"rescale_betas_zero_snr": True},
        {"num_train_timesteps": 37},
    ):
        scheduler = diffusers.DDIMScheduler.from_config({**SD15, **change})
        schedules.append({"change": change, "alphasCumprod": numbers.add(scheduler.alphas_cumprod)})

    noise = Noise(seed=2)
    x0, eps = noise.draw(), noise.draw()
    scheduler = diffusers.DDPMScheduler.from_config(SD15)
    timesteps = torch.tensor([3, 850])
    snr = compute_snr(scheduler, timesteps)
    capped = torch.minimum(snr, torch.tensor(5.0))
    targets = {
        "timesteps": timesteps.tolist(),
        "noisy": numbers.add(scheduler.add_noise(x0, eps, timesteps)),
        "velocity": numbers.add(scheduler.get_velocity(x0, eps, timesteps)),
        "snr": numbers.add(snr),
        "weights": {
            "epsilon": numbers.add(capped / snr),
            "v_prediction": numbers.add(capped / (snr + 1)),
            "sample": numbers.add(capped),
        },
    }

    noise = Noise(seed=3)
    conditional, unconditional = noise.draw(), noise.draw()
    guided = unconditional + 7.5 * (conditional - unconditional)
    guidance = {
        "scale": 7.5,
        "guided": numbers.add(guided),
        "rescaled": numbers.add(rescale_noise_cfg(guided, conditional, guidance_rescale=0.7)),
    }

    OUT.mkdir(parents=True, exist_ok=True)
    np.concatenate(numbers.parts).tofile(OUT / "samplers.f32")
    fixture = {
        "diffusers": diffusers.__version__, "config": SD15, "shape": SHAPE, "cases": cases,
        "schedules": schedules, "targets": targets, "guidance": guidance,
    }  # fmt: skip
    (OUT / "cases.json").write_text(json.dumps(fixture, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
