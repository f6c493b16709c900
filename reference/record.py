"""Recording what goes into and comes out of every module of a network, with forward hooks."""

import inspect
from collections.abc import Iterator

import torch
from torch import nn

# Module types whose inputs and outputs are kept, as named by diffusers and transformers.
RECORDED_TYPES = {
    "Timesteps",
    "TimestepEmbedding",
    "ResnetBlock2D",
    "Transformer2DModel",
    "BasicTransformerBlock",
    "Attention",
    "FeedForward",
    "Downsample2D",
    "Upsample2D",
    "CrossAttnDownBlock2D",
    "DownBlock2D",
    "CrossAttnUpBlock2D",
    "UpBlock2D",
    "UNetMidBlock2DCrossAttn",
    "UNetMidBlock2D",
    "CLIPTextEmbeddings",
    "CLIPEncoderLayer",
    "CLIPAttention",
    "CLIPMLP",
}
# Arguments that carry no features.
SKIPPED_ARGUMENTS = {"attention_mask", "encoder_attention_mask", "position_ids"}

Tensors = dict[str, torch.Tensor]


@torch.no_grad()
def record(network: nn.Module, call) -> Tensors:
    """Tensors of every recorded module during `call()`: `<module>/in0`, `/in1`, ... in the order of its forward
    function's arguments, `<module>/out` its result, `/out1`, ... the further results (a down block's skips)."""
    recorded: Tensors = {}
    hooks = [
        module.register_forward_hook(_recorder(name, recorded), with_kwargs=True)
        for name, module in network.named_modules()
        if type(module).__name__ in RECORDED_TYPES
    ]
    try:
        call()
    finally:
        for hook in hooks:
            hook.remove()
    return recorded


def _recorder(name: str, recorded: Tensors):
    def hook(module: nn.Module, args: tuple, kwargs: dict, output) -> None:
        bound = inspect.signature(module.forward).bind(*args, **kwargs)
        arguments = {key: value for key, value in bound.arguments.items() if key not in SKIPPED_ARGUMENTS}
        for index, value in enumerate(_tensors(arguments)):
            recorded[f"{name}/in{index}"] = value.clone()
        for index, value in enumerate(_tensors(output)):
            recorded[f"{name}/out{index or ''}"] = value.clone()

    return hook


def _tensors(value) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors(item)
