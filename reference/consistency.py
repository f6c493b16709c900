"""test/fixtures/consistency: one batch of latent consistency distillation, as diffusers' train_lcm_distill_sd_wds.py has it.

The student is `unets/scale-shift`, the teacher the same with every weight moved a little, so that neither can stand for the
other. Float64, so that the reference adds no rounding. The script's w is our guidance scale less 1.
"""

import numpy as np
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel

from weights import FIXTURES, generator, save_tensors

UNET = FIXTURES / "unets" / "scale-shift"
FOLDER = FIXTURES / "consistency"
GUIDANCE, TIMESTEP_SCALING, SIGMA_DATA, HUBER_C = 3.0, 10.0, 0.5, 1e-3
# Prediction, zero terminal SNR, solver steps, kind of loss.
CASES = {
    "v-zero-snr": ("v_prediction", True, 50, "huber"),
    "epsilon": ("epsilon", False, 20, "l2"),
    "sample": ("sample", False, 50, "huber"),
}


def main() -> None:
    for name, case in CASES.items():
        distil(name, *case)
    teacher = make_teacher().state_dict()
    save_tensors({key: value.float() for key, value in teacher.items()}, FOLDER / "teacher.safetensors")


def load_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel.from_pretrained(UNET, torch_dtype=torch.float64)


def make_teacher() -> UNet2DConditionModel:
    teacher = load_unet().requires_grad_(False)
    rng = generator(7)
    for parameter in teacher.parameters():
        parameter += 0.1 * torch.randn(parameter.shape, generator=rng).double() * parameter.std(correction=0)
    return teacher


def distil(name: str, prediction: str, zero_snr: bool, original_steps: int, kind: str) -> None:
    student, teacher = load_unet(), make_teacher()
    scheduler = DDPMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, rescale_betas_zero_snr=zero_snr
    )
    alpha_bars = scheduler.alphas_cumprod.double()
    stride = 1000 // original_steps
    solver_timesteps = torch.from_numpy(np.arange(1, original_steps + 1) * stride - 1)
    # The last timestep, one between, and the one whose step ends at timestep 0; counted from the lowest, as in the script.
    index = torch.tensor([original_steps - 1, original_steps // 2, 0])
    start = solver_timesteps[index]
    end = torch.clamp(start - stride, min=0)

    rng = generator(11)
    noisy = torch.randn(3, 4, 8, 12, generator=rng).double()
    condition = torch.randn(3, 5, 6, generator=rng).double()
    nobody = torch.randn(1, 5, 6, generator=rng).double()

    def level(timesteps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        alpha_bar = alpha_bars[timesteps].reshape(-1, 1, 1, 1)
        return alpha_bar.sqrt(), (1 - alpha_bar).sqrt()

    def clean_of(output: torch.Tensor, x: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        alpha, sigma = level(timesteps)
        return {
            "epsilon": lambda: (x - sigma * output) / alpha,
            "v_prediction": lambda: alpha * x - sigma * output,
            "sample": lambda: output,
        }[prediction]()

    def noise_of(output: torch.Tensor, x: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        alpha, sigma = level(timesteps)
        return {
            "epsilon": lambda: output,
            "v_prediction": lambda: alpha * output + sigma * x,
            "sample": lambda: (x - alpha * output) / sigma,
        }[prediction]()

    def consistent(x: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        scaled = (TIMESTEP_SCALING * timesteps).reshape(-1, 1, 1, 1).double()
        skip = SIGMA_DATA**2 / (scaled**2 + SIGMA_DATA**2)
        out = scaled / (scaled**2 + SIGMA_DATA**2) ** 0.5
        return skip * x + out * clean_of(student(x, timesteps, condition).sample, x, timesteps)

    said = consistent(noisy, start)
    with torch.no_grad():
        with_face = teacher(noisy, start, condition).sample
        without = teacher(noisy, start, nobody.expand(3, -1, -1)).sample
        w = GUIDANCE - 1
        clean, clean_without = clean_of(with_face, noisy, start), clean_of(without, noisy, start)
        noise, noise_without = noise_of(with_face, noisy, start), noise_of(without, noisy, start)
        clean = clean + w * (clean - clean_without)
        noise = noise + w * (noise - noise_without)
        alpha, sigma = level(end)
        target = consistent(alpha * clean + sigma * noise, end)
    error = said - target
    loss = (error**2).mean() if kind == "l2" else ((error**2 + HUBER_C**2).sqrt() - HUBER_C).mean()
    loss.backward()
    tensors = {
        "latents": noisy,
        # Counted from the noisiest, as here.
        "solverStep": original_steps - 1 - index,
        "conditioning": condition,
        "nobody": nobody,
        "originalSteps": torch.tensor(original_steps),
        "loss": loss.detach(),
        **{f"gradient/{path}": parameter.grad for path, parameter in student.named_parameters()},
    }
    save_tensors(
        {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()},
        FOLDER / f"{name}.safetensors",
    )
    print(f"{name}: {kind} {loss:.4f}")


if __name__ == "__main__":
    main()
