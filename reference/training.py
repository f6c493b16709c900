"""test/fixtures/training: ten steps of AdamW with clipping and a moving average, on UNets of `unets/`."""

import torch
from diffusers import UNet2DConditionModel
from diffusers.training_utils import EMAModel
from safetensors.torch import load_file

from weights import FIXTURES, generator, save_tensors

UNETS = FIXTURES / "unets"
# UNet: learning rate. At 2e-3 PyTorch's own float32 and float64 end 5e-2 apart on `linear-projection` (every step
# multiplies the difference, from gradient norms of 12); at 2e-4 by 4e-6, and 1e-6 on the other two.
RUNS = {"attn-blocks": 2e-3, "linear-projection": 2e-4, "scale-shift": 2e-4}
STEPS, BATCH = 10, 2
CLIP_NORM = 0.5


def main() -> None:
    for name, learning_rate in RUNS.items():
        train(name, learning_rate)


def train(source: str, learning_rate: float) -> None:
    unet = UNet2DConditionModel.from_pretrained(UNETS / source, torch_dtype=torch.float64).train()
    parity = load_file(UNETS / source / "parity.safetensors")
    latent_shape, context_shape = parity["latents"].shape, parity["conditioning"].shape
    optimizer = torch.optim.AdamW(
        unet.parameters(), lr=learning_rate, betas=(0.9, 0.95), eps=1e-3, weight_decay=0.1, foreach=False
    )
    ema = EMAModel(unet.parameters(), decay=0.75, use_ema_warmup=True, inv_gamma=1.0, power=2 / 3)
    losses, norms, decays = [], [], []
    for step in range(STEPS):
        # The test draws the same numbers.
        rng = generator(1000 + step)
        latents = torch.randn(latent_shape, generator=rng).double()
        target = torch.randn(latent_shape, generator=rng).double()
        conditioning = torch.randn(context_shape, generator=rng).double()
        timesteps = torch.randint(0, 1000, (BATCH,), generator=rng)
        loss = torch.nn.functional.mse_loss(unet(latents, timesteps, conditioning).sample, target)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(unet.parameters(), CLIP_NORM))
        optimizer.step()
        optimizer.zero_grad()
        ema.step(unet.parameters())
        losses.append(loss.detach())
        decays.append(torch.tensor(ema.cur_decay_value))
    names = [name for name, _ in unet.named_parameters()]
    tensors = {
        "losses": torch.stack(losses),
        "gradientNorms": torch.stack(norms),
        "emaDecays": torch.stack(decays),
        **dict(unet.named_parameters()),
        **{f"ema/{name}": value for name, value in zip(names, ema.shadow_params)},
    }
    save_tensors(
        {name: value.detach().float() for name, value in tensors.items()}, FIXTURES / "training" / f"{source}.safetensors"
    )


if __name__ == "__main__":
    main()
