"""test/fixtures/adversarial: one batch of the adversarial loss, as two losses of PyTorch, each with its own backward pass.

The discriminator's is taken of detached predictions, the network's with the discriminator frozen. Float64, so that the reference adds no
rounding.
"""

import torch
from diffusers import DDPMScheduler
from diffusers.models.resnet import Downsample2D, ResnetBlock2D
from torch import nn
from torch.nn.functional import silu, softplus

from weights import FIXTURES, generator, randomize, save_tensors

WIDTHS, CHANNELS, EMBEDDING, WEIGHT = [16, 24], 3, 6, 0.25
TIMESTEPS = [300, 999]


class Discriminator(nn.Module):
    """The projection discriminator of Miyato & Koyama 2018, place by place."""

    def __init__(self) -> None:
        super().__init__()
        first, last = WIDTHS[0], WIDTHS[-1]
        self.conv_in = nn.Conv2d(CHANNELS, first, 3, stride=2, padding=1)
        pairs = list(zip([first, *WIDTHS], WIDTHS))
        self.resnets = nn.ModuleList(
            ResnetBlock2D(in_channels=a, out_channels=b, temb_channels=None, groups=8, eps=1e-5) for a, b in pairs
        )
        self.downsamplers = nn.ModuleList(Downsample2D(width, use_conv=True, padding=1, name="op") for width in WIDTHS[:-1])
        self.norm_out = nn.GroupNorm(8, last, eps=1e-5)
        self.face = nn.Linear(EMBEDDING, last)
        self.conv_out = nn.Conv2d(last, 1, 1, bias=False)

    def forward(self, latents: torch.Tensor, face: torch.Tensor) -> torch.Tensor:
        h = self.resnets[0](self.conv_in(latents), None)
        for downsample, resnet in zip(self.downsamplers, self.resnets[1:]):
            h = resnet(downsample(h), None)
        h = silu(self.norm_out(h))
        agreement = torch.einsum("nchw,nc->nhw", h, self.face(face))[:, None] / WIDTHS[-1] ** 0.5
        return self.conv_out(h) + agreement


def main() -> None:
    discriminator = randomize(Discriminator(), 1).double()
    alpha_bars = DDPMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, rescale_betas_zero_snr=True
    ).alphas_cumprod.double()[TIMESTEPS]
    alpha, sigma = (value.sqrt().reshape(-1, 1, 1, 1) for value in (alpha_bars, 1 - alpha_bars))
    rng = generator(2)
    draw = lambda *shape: torch.randn(shape, generator=rng).double()
    shape = (len(TIMESTEPS), CHANNELS, 8, 8)
    photo, noise, veil, error = draw(*shape), draw(*shape), 0.5 * draw(*shape), 0.3 * draw(*shape)
    face = draw(len(TIMESTEPS), EMBEDDING)
    latents, target = alpha * photo + sigma * noise, alpha * noise - sigma * photo
    prediction = (target + error).requires_grad_()
    made = alpha * latents - sigma * prediction

    ahead = discriminator(made.detach() + veil, face) - discriminator(photo + veil, face)
    of_discriminator = softplus(ahead).mean()
    of_discriminator.backward()
    gradients = {f"gradient/{name}": value.grad.clone() for name, value in discriminator.named_parameters()}

    discriminator.requires_grad_(False)
    of_network = softplus(discriminator(photo + veil, face) - discriminator(made + veil, face)).mean()
    (WEIGHT * of_network).backward()

    tensors = {
        **{f"weight/{name}": value for name, value in discriminator.named_parameters()},
        **gradients,
        "gradient/prediction": prediction.grad,
        "latents": latents,
        "target": target,
        "prediction": prediction,
        "faceEmbedding": face,
        "adversarialSignal": alpha.flatten(),
        "adversarialNoise": veil,
        "discriminator": of_discriminator,
        "adversarial": of_network,
    }
    save_tensors(
        {name: value.detach().float() for name, value in tensors.items()},
        FIXTURES / "adversarial" / "batch.safetensors",
    )


if __name__ == "__main__":
    main()
