"""mini's networks in PyTorch, to train them in bfloat16 where the processor multiplies it faster (AMX): what `train_denoiser.py` needs.

Reads and writes model folders of the official layout, with the two parts that are our own (docs/models.md): the UNet's identity
map and the encoder's squares. Predictions in float32 differ from the TypeScript trainer's by at most 4e-6.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from diffusers import AutoencoderDC, AutoencoderTiny, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from onnx import numpy_helper
from onnx2torch import convert
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

UNET, ENCODER, VAE = "arc2face", "encoder", "vae"
WEIGHTS = "diffusion_pytorch_model.safetensors"


class Networks(nn.Module):
    """UNet with identity map, and face encoder with squares, of a model folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        config = json.loads((folder / UNET / "config.json").read_text())
        self.map_limit = config.pop("identity_map")["limit"]
        self.heads = json.loads((folder / ENCODER / "config.json").read_text())["num_attention_heads"]
        self.prompt = json.loads((folder / "arc2face.json").read_text())["prompt"]
        self.unet = UNet2DConditionModel.from_config(config)
        self.unet.set_attn_processor(AttnProcessor())  # the fused kernel's backward pass is slow in bfloat16
        state = {name: value.float() for name, value in load_file(folder / UNET / WEIGHTS).items()}
        identity_map = {name: state.pop(name) for name in list(state) if name.startswith("identity_map.")}
        self.unet.load_state_dict(state)
        for module in self.unet.modules():
            if type(module) is nn.Conv2d:
                module.__class__ = Conv
        self.map = parameters(identity_map)
        self.encoder = parameters(load_file(folder / ENCODER / "model.safetensors"))

    def encode(self, tokens: Tensor, face: Tensor) -> Tensor:
        """Conditioning [N, L, D] of tokens [N, L] and unit embeddings [N, D]; src/models/projection.ts."""
        prefix = "text_model." if has(self.encoder, "text_model.final_layer_norm.weight") else ""
        text = lambda name: get(self.encoder, prefix + name)  # noqa: E731
        norm = lambda x, name: F.layer_norm(x, x.shape[-1:], text(f"{name}.weight"), text(f"{name}.bias"), 1e-5)  # noqa: E731
        linear = lambda x, name: F.linear(x, text(f"{name}.weight"), text(f"{name}.bias"))  # noqa: E731
        x = text("embeddings.token_embedding.weight")[tokens]
        x = torch.where((tokens == self.prompt["idToken"])[..., None], face[:, None], x)
        x = x + text("embeddings.position_embedding.weight")[: tokens.shape[1]]
        layer = 0
        while has(self.encoder, f"{prefix}encoder.layers.{layer}.layer_norm1.weight"):
            at = f"encoder.layers.{layer}"
            h = norm(x, f"{at}.layer_norm1")
            q, k, v = (
                linear(h, f"{at}.self_attn.{name}_proj").unflatten(-1, (self.heads, -1)).transpose(1, 2) for name in "qkv"
            )
            scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
            scores = scores + torch.full(scores.shape[-2:], float("-inf"), dtype=scores.dtype).triu(1)
            x = x + linear((scores.softmax(-1) @ v).transpose(1, 2).flatten(2), f"{at}.self_attn.out_proj")
            h = linear(norm(x, f"{at}.layer_norm2"), f"{at}.mlp.fc1")
            x = x + linear(h * torch.sigmoid(1.702 * h), f"{at}.mlp.fc2")
            layer += 1
        squares = F.linear(face, get(self.encoder, "identity_squares.down.weight")) ** 2
        up = [get(self.encoder, f"identity_squares.up.{name}") for name in ("weight", "bias")]
        is_somebody = (face * face).sum(1, keepdim=True)
        return norm(x, "final_layer_norm") + (F.linear(squares, *up) * is_somebody)[:, None]

    def predict(self, unet: nn.Module, latents: Tensor, timesteps: Tensor, conditioning: Tensor) -> Tensor:
        """Velocities [N, C, H, W] in float32. `unet` is this one, or this one compiled; src/models/identity-map.ts."""
        dtype = self.unet.dtype
        x = latents.to(dtype).contiguous(memory_format=torch.channels_last)
        output = unet(x, timesteps, conditioning, return_dict=False)[0].float()
        time = self.unet.time_embedding(self.unet.get_time_embed(latents, timesteps).to(dtype)).float()
        linear = lambda x, name: F.linear(x, get(self.map, f"{name}.weight").float(), get(self.map, f"{name}.bias").float())  # noqa: E731
        person = linear(conditioning.float().mean(1), "identity_map.down")
        length = (person * person).sum(1, keepdim=True).add(1e-12).sqrt()
        picture = linear(person * (self.map_limit / length).clamp(0, 1), "identity_map.up")
        return output + (picture * linear(time, "identity_map.weight")).view(latents.shape)


def save_model(folder: Path, start: Path, state: dict[str, Tensor]) -> None:
    """A model folder as `start`, with the weights of `Networks.state_dict()` in float16; whole or not at all."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(start, partial)
    of = lambda name: {k.removeprefix(f"{name}.").replace("/", "."): v for k, v in state.items() if k.startswith(f"{name}.")}  # noqa: E731
    for path, weights in ((f"{UNET}/{WEIGHTS}", of("unet") | of("map")), (f"{ENCODER}/model.safetensors", of("encoder"))):
        save_file({name: value.half().contiguous() for name, value in weights.items()}, partial / path)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def load_autoencoder(folder: Path) -> tuple[nn.Module, float]:
    """The frozen autoencoder of a model folder, and its scaling factor."""
    config = json.loads((folder / VAE / "config.json").read_text())
    kind = config.pop("_class_name")
    vae = new_dc_autoencoder(config) if kind == "AutoencoderDC" else AutoencoderTiny(**config)
    vae.load_state_dict({name: value.float() for name, value in load_file(folder / VAE / WEIGHTS).items()})
    return vae.eval().requires_grad_(False).to(memory_format=torch.channels_last), config["scaling_factor"]


def new_dc_autoencoder(config: dict) -> AutoencoderDC:
    no_attention = [[]] * len(config["encoder_block_out_channels"])
    return AutoencoderDC(**config, encoder_qkv_multiscales=no_attention, decoder_qkv_multiscales=no_attention)


def load_recogniser(path: Path) -> nn.Module:
    """MobileFaceNet of faceplugin-face-recognition-js, frozen, for batches of [N, 3, 112, 112] in [-1, 1]."""
    model = onnx.load(path)
    shape = next(node for node in model.graph.node if node.op_type == "Reshape").input[1]
    for initializer in model.graph.initializer:
        if initializer.name == shape:
            initializer.CopyFrom(numpy_helper.from_array(np.array([-1, 512], np.int64), shape))
    network = convert(model).eval().requires_grad_(False)
    for module in network.modules():
        if type(module) is nn.Conv2d and module.kernel_size[0] <= 3:
            module.__class__ = FrozenConv
        elif type(module).__name__ == "OnnxPReLU":
            module.__class__ = FrozenPRelu
    return network.bfloat16().to(memory_format=torch.channels_last)


# Names of parameters must not have dots in PyTorch.
def parameters(tensors: dict[str, Tensor]) -> nn.ParameterDict:
    return nn.ParameterDict({name.replace(".", "/"): nn.Parameter(value.float()) for name, value in tensors.items()})


def get(weights: nn.ParameterDict, name: str) -> Tensor:
    return weights[name.replace(".", "/")]


def has(weights: nn.ParameterDict, name: str) -> bool:
    return name.replace(".", "/") in weights


class _ConvBySums(torch.autograd.Function):
    """A 3x3 convolution whose weight's gradient is one matrix product; on small maps 2 to 4 times faster than oneDNN's in bfloat16."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, bias, padding=1)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        x, weight = ctx.saved_tensors
        n, inputs, height, width = x.shape
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        for_x = torch.ops.aten.convolution_backward(
            gradient, x, weight, [weight.shape[0]], [1, 1], [1, 1], [1, 1], False, [0, 0], 1, [True, False, False]
        )[0]
        padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        shifted = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
        rows = torch.stack(shifted, 3).reshape(n * height * width, 9 * inputs)
        flat = gradient.permute(0, 2, 3, 1).reshape(-1, weight.shape[0])
        return for_x, (flat.t() @ rows).reshape(-1, 3, 3, inputs).permute(0, 3, 1, 2), flat.sum(0)


class Conv(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        if self.stride == (1, 1) and self.kernel_size == (3, 3) and x.shape[-1] <= 8 and torch.is_grad_enabled():
            return _ConvBySums.apply(x.contiguous(memory_format=torch.channels_last), self.weight, self.bias)
        return super().forward(x)


class _FrozenConv(torch.autograd.Function):
    """The gradient of the input by a forward convolution, as fast as one."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int, groups: int) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.options = (stride, padding, groups, x.shape)
        return F.conv2d(x, weight, bias, stride, padding, 1, groups)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        (weight,) = ctx.saved_tensors
        stride, padding, groups, shape = ctx.options
        if stride == 2:
            spread = gradient.new_zeros((*gradient.shape[:2], *shape[2:]))
            spread[:, :, ::2, ::2] = gradient
            gradient = spread
        flipped = weight.flip(2, 3) if groups > 1 else weight.transpose(0, 1).flip(2, 3)
        by = [x.contiguous(memory_format=torch.channels_last) for x in (gradient, flipped)]
        return F.conv2d(*by, None, 1, weight.shape[-1] - 1 - padding, 1, groups), None, None, None, None, None


class FrozenConv(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return _FrozenConv.apply(x, self.weight, self.bias, self.stride[0], self.padding[0], self.groups)


class _FrozenPRelu(torch.autograd.Function):
    """Without the gradient of the slope, which takes as long as a third of the network."""

    @staticmethod
    def forward(ctx, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(x, slope)
        return torch.addcmul(x.relu() * (1 - slope), x, slope)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        x, slope = ctx.saved_tensors
        return torch.addcmul(torch.ops.aten.threshold_backward(gradient, x, 0) * (1 - slope), gradient, slope), None


class FrozenPRelu(nn.Module):
    def forward(self, x: Tensor, slope: Tensor) -> Tensor:
        return _FrozenPRelu.apply(x, slope)
