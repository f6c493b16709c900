"""test/fixtures/lora: one LoRA of the tiny UNet in the three namings found in the wild, and what it does to the UNet.

The modules are those of LCM-LoRA. The expected outputs come from diffusers, which reads each file by itself.
"""

import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders import StableDiffusionLoraLoaderMixin
from safetensors.torch import load_file
from torch import nn

from weights import FIXTURES, generator, save_tensors

FOLDER = FIXTURES / "lora"
RANK = 4
KOHYA_ALPHA = 2.0
SCALES = (1.0, 0.7)
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
# Last parts of the names of LCM-LoRA's modules.
TARGETS = (
    *ATTENTION,
    "ff.net.0.proj",
    "ff.net.2",
    "proj_in",
    "proj_out",
    "conv1",
    "conv2",
    "conv_shortcut",
    "time_emb_proj",
    "downsamplers.0.conv",
    "upsamplers.0.conv",
)

Lora = dict[str, tuple[torch.Tensor, torch.Tensor]]
Tensors = dict[str, torch.Tensor]


def main() -> None:
    unet = tiny_unet()
    lora = random_lora(unet, generator(50))
    attention = {module: pair for module, pair in lora.items() if module.endswith(ATTENTION)}
    files = {"peft": peft_naming(lora), "kohya": kohya_naming(lora), "diffusers": diffusers_naming(attention)}
    expected = parity_inputs()
    expected["base/out"] = evaluate(unet, expected)
    for name, tensors in files.items():
        save_tensors(tensors, FOLDER / f"{name}.safetensors")
        for scale in SCALES:
            expected[f"{name}/{scale:g}/out"] = evaluate(merged(FOLDER / f"{name}.safetensors", scale), expected)
    save_tensors(expected, FOLDER / "parity.safetensors")
    for name, value in expected.items():
        if name.endswith("/out"):
            print(f"{name}: changed by {(value - expected['base/out']).abs().mean():.3f} on average")


def tiny_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel.from_pretrained(FIXTURES / "tiny" / "arc2face").eval()


def random_lora(unet: nn.Module, rng: torch.Generator) -> Lora:
    """Down and up matrices of every target, with a product a third as large as the weight itself."""
    lora: Lora = {}
    for name, module in unet.named_modules():
        if not name.endswith(TARGETS):
            continue
        weight = module.weight
        fan_in = weight[0].numel()
        down = torch.randn(RANK, *weight.shape[1:], generator=rng) / fan_in**0.5
        up = torch.randn(weight.shape[0], RANK, *(1 for _ in weight.shape[2:]), generator=rng) / (3 * RANK**0.5)
        lora[name] = (down, up)
    return lora


def peft_naming(lora: Lora) -> Tensors:
    """Written by diffusers since 0.23."""
    tensors: Tensors = {}
    for module, (down, up) in lora.items():
        tensors[f"unet.{module}.lora_A.weight"] = down
        tensors[f"unet.{module}.lora_B.weight"] = up
    return tensors


def diffusers_naming(lora: Lora) -> Tensors:
    """Written by diffusers until 0.22: attention processors only."""
    tensors: Tensors = {}
    for module, (down, up) in lora.items():
        attention, projection = module.removesuffix(".0").rsplit(".", 1)
        tensors[f"unet.{attention}.processor.{projection}_lora.down.weight"] = down
        tensors[f"unet.{attention}.processor.{projection}_lora.up.weight"] = up
    return tensors


def kohya_naming(lora: Lora) -> Tensors:
    """Written by kohya-ss/sd-scripts, and the naming of LCM-LoRA: dots become underscores, the scale is alpha/rank."""
    tensors: Tensors = {}
    for module, (down, up) in lora.items():
        key = f"lora_unet_{module.replace('.', '_')}"
        tensors[f"{key}.lora_down.weight"] = down
        tensors[f"{key}.lora_up.weight"] = up * (RANK / KOHYA_ALPHA)
        tensors[f"{key}.alpha"] = torch.tensor(KOHYA_ALPHA)
    return tensors


def merged(path, scale: float) -> UNet2DConditionModel:
    """The tiny UNet with a LoRA file loaded and merged by diffusers."""
    unet = tiny_unet()
    state, alphas = StableDiffusionLoraLoaderMixin.lora_state_dict(load_file(path), unet_config=unet.config)
    StableDiffusionLoraLoaderMixin.load_lora_into_unet(state, alphas, unet)
    unet.fuse_lora(lora_scale=scale)
    return unet.eval()


def parity_inputs() -> Tensors:
    return {
        "latents": torch.randn(2, 4, 4, 6, generator=generator(51)),
        "timesteps": torch.tensor([801, 21]),
        "conditioning": torch.randn(2, 13, 32, generator=generator(52)),
    }


@torch.no_grad()
def evaluate(unet: UNet2DConditionModel, inputs: Tensors) -> torch.Tensor:
    return unet(inputs["latents"], inputs["timesteps"], inputs["conditioning"]).sample


if __name__ == "__main__":
    main()
