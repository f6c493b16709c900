"""Random weights that keep a network alive, and where fixtures go."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

FIXTURES = Path(__file__).resolve().parent.parent / "test" / "fixtures"


def generator(seed: int) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


@torch.no_grad()
def randomize(network: nn.Module, seed: int) -> nn.Module:
    """Fill every parameter so that a wrong, missing or transposed one changes the output.

    Matrices and kernels keep the variance of their input (1/sqrt(fan in)); norm scales differ from 1 and every bias
    from 0, so that leaving one out cannot go unnoticed.
    """
    rng = generator(seed)
    norm_scales = {
        f"{name}.weight" for name, module in network.named_modules() if isinstance(module, (nn.GroupNorm, nn.LayerNorm))
    }
    embeddings = {f"{name}.weight" for name, module in network.named_modules() if isinstance(module, nn.Embedding)}
    for name, parameter in network.named_parameters():
        noise = torch.randn(parameter.shape, generator=rng)
        if name in norm_scales:
            parameter.copy_(1 + 0.2 * noise)
        elif name in embeddings:
            parameter.copy_(0.2 * noise)
        elif parameter.ndim == 1:
            parameter.copy_(0.1 * noise)
        else:
            parameter.copy_(noise / parameter[0].numel() ** 0.5)
    return network.eval()


def save_tensors(tensors: dict[str, torch.Tensor], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in tensors.items()}, path, metadata={"format": "pt"})
