"""test/fixtures/training: ten steps of AdamW with clipping and a moving average, on a UNet of `unets/`."""

import torch
from diffusers import UNet2DConditionModel
from diffusers.training_utils import EMAModel
from safetensors.torch import load_file

from weights import FIXTURES, generator, save_tensors

SOURCE = FIXTURES / "unets" / "attn-blocks"
STEPS, BATCH = 10, 2
LEARNING_RATE, CLIP_NORM = 2e-3, 0.5


def main() -> None:
    unet = UNet2DConditionModel.from_pretrained(SOURCE).train()
    parity = load_file(SOURCE / "parity.safetensors")
    latent_shape, context_shape = parity["latents"].shape, parity["conditioning"].shape
    optimizer = torch.optim.AdamW(
        unet.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.95), eps=1e-3, weight_decay=0.1, foreach=False
    )
    ema = EMAModel(unet.parameters(), decay=0.75, use_ema_warmup=True, inv_gamma=1.0, power=2 / 3)
    losses, norms, decays = [], [], []
    for step in range(STEPS):
        # The test draws the same numbers.
        rng = generator(1000 + step)
        latents = torch.randn(latent_shape, generator=rng)
        target = torch.randn(latent_shape, generator=rng)
        conditioning = torch.randn(context_shape, generator=rng)
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
    save_tensors(
        {
            "losses": torch.stack(losses),
            "gradientNorms": torch.stack(norms),
            "emaDecays": torch.stack(decays),
            **dict(unet.named_parameters()),
            **{f"ema/{name}": value for name, value in zip(names, ema.shadow_params)},
        },
        FIXTURES / "training" / "adamw.safetensors",
    )


if __name__ == "__main__":
    main()
