"""Writing a model folder in the official layout, quirks of the official files included."""

import json
from collections import OrderedDict
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import nn
from transformers import CLIPTextModel

from weights import save_tensors

# https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-v1-5, scheduler/scheduler_config.json, verbatim.
SCHEDULER_CONFIG = {
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

# SD-1.5's VAE still carries the attention names of diffusers 0.6.
OLD_ATTENTION_NAMES = {
    ".attentions.0.to_q.": ".attentions.0.query.",
    ".attentions.0.to_k.": ".attentions.0.key.",
    ".attentions.0.to_v.": ".attentions.0.value.",
    ".attentions.0.to_out.0.": ".attentions.0.proj_attn.",
}


def write_json(path: Path, value: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def write_encoder(encoder: CLIPTextModel, folder: Path) -> None:
    """`pytorch_model.bin` with transformers 4's names: a `text_model.` prefix, the position ids, the state's metadata."""
    positions = torch.arange(encoder.config.max_position_embeddings).unsqueeze(0)
    state = OrderedDict({"text_model.embeddings.position_ids": positions})
    metadata = OrderedDict({"": {"version": 1}})
    for name, value in encoder.state_dict().items():
        state[f"text_model.{name}"] = value.contiguous()
    for name, value in encoder.state_dict()._metadata.items():
        metadata[f"text_model.{name}".removesuffix(".")] = value
    state._metadata = metadata
    config = encoder.config
    write_json(
        folder / "config.json",
        {
            "architectures": ["CLIPTextModelWrapper"],
            "attention_dropout": config.attention_dropout,
            "bos_token_id": 0,
            "dropout": 0.0,
            "eos_token_id": 2,
            "hidden_act": config.hidden_act,
            "hidden_size": config.hidden_size,
            "initializer_factor": 1.0,
            "initializer_range": 0.02,
            "intermediate_size": config.intermediate_size,
            "layer_norm_eps": config.layer_norm_eps,
            "max_position_embeddings": config.max_position_embeddings,
            "model_type": "clip_text_model",
            "num_attention_heads": config.num_attention_heads,
            "num_hidden_layers": config.num_hidden_layers,
            "pad_token_id": 1,
            "projection_dim": config.projection_dim,
            "torch_dtype": str(encoder.dtype).removeprefix("torch."),
            "transformers_version": "4.34.1",
            "vocab_size": config.vocab_size,
        },
    )
    torch.save(state, folder / "pytorch_model.bin")


def write_vae(vae: AutoencoderKL, folder: Path) -> None:
    """SD-1.5's VAE folder: a config without the keys that later diffusers added, and the old attention names."""
    config = vae.config
    write_json(
        folder / "config.json",
        {
            "_class_name": "AutoencoderKL",
            "_diffusers_version": "0.6.0",
            "act_fn": config.act_fn,
            "block_out_channels": list(config.block_out_channels),
            "down_block_types": list(config.down_block_types),
            "in_channels": config.in_channels,
            "latent_channels": config.latent_channels,
            "layers_per_block": config.layers_per_block,
            "norm_num_groups": config.norm_num_groups,
            "out_channels": config.out_channels,
            "sample_size": config.sample_size,
            "up_block_types": list(config.up_block_types),
        },
    )
    save_tensors(
        {old_attention_name(name): value for name, value in vae.state_dict().items()},
        folder / "diffusion_pytorch_model.safetensors",
    )


def old_attention_name(name: str) -> str:
    for new, old in OLD_ATTENTION_NAMES.items():
        name = name.replace(new, old)
    return name


def write_diffusers(network: nn.Module, folder: Path) -> None:
    """Config and `diffusion_pytorch_model.safetensors`, as diffusers writes them."""
    network.save_pretrained(folder, safe_serialization=True)
