"""Reading a model folder in the official layout, and the official ID conditioning."""

import json
from pathlib import Path
from typing import NamedTuple

import torch
from diffusers import AutoencoderDC, AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel

# What a folder without `arc2face.json` means: "photo of a id person", the empty prompt, an ArcFace embedding.
OFFICIAL_MANIFEST = {
    "prompt": {
        "tokens": [49406, 1125, 539, 320, 1014, 2533] + 71 * [49407],
        "idToken": 1014,
        "unconditional": [49406] + 76 * [49407],
    },
    "embeddingSize": 512,
}


Autoencoder = AutoencoderKL | AutoencoderTiny | AutoencoderDC


class Arc2FaceModel(NamedTuple):
    unet: UNet2DConditionModel
    encoder: CLIPTextModel
    vae: Autoencoder
    scheduler_config: dict
    manifest: dict


def load_model(folder: Path, dtype: torch.dtype = torch.float32) -> Arc2FaceModel:
    manifest = folder / "arc2face.json"
    return Arc2FaceModel(
        unet=UNet2DConditionModel.from_pretrained(folder / "arc2face", torch_dtype=dtype).eval(),
        encoder=load_encoder(folder / "encoder").to(dtype),
        vae=load_vae(folder / "vae", dtype),
        scheduler_config=json.loads((folder / "scheduler" / "scheduler_config.json").read_text()),
        manifest=json.loads(manifest.read_text()) if manifest.exists() else OFFICIAL_MANIFEST,
    )


def load_vae(folder: Path, dtype: torch.dtype) -> Autoencoder:
    kind = json.loads((folder / "config.json").read_text()).get("_class_name")
    cls = {"AutoencoderTiny": AutoencoderTiny, "AutoencoderDC": AutoencoderDC}.get(kind, AutoencoderKL)
    return cls.from_pretrained(folder, torch_dtype=dtype).eval()


def load_encoder(folder: Path) -> CLIPTextModel:
    """Transformers 4 wrote `text_model.` before every key and kept the position ids; transformers 5 does neither.

    `identity_squares` (docs/models.md), which transformers does not know, is left out.
    """
    pickle = folder / "pytorch_model.bin"
    state = torch.load(pickle, weights_only=True) if pickle.exists() else load_file(folder / "model.safetensors")
    state.pop("text_model.embeddings.position_ids", None)
    encoder = CLIPTextModel(CLIPTextConfig.from_json_file(folder / "config.json"))
    known = {name: value for name, value in state.items() if not name.startswith("identity_squares.")}
    encoder.load_state_dict({name.removeprefix("text_model."): value for name, value in known.items()})
    return encoder.eval()


@torch.no_grad()
def embed_prompt(model: Arc2FaceModel, face_embedding: torch.Tensor) -> torch.Tensor:
    """Token embeddings [N, T, hidden] of the prompt, with the unit-norm face embeddings [N, E] in place of `id`.

    A face embedding is padded with zeros to the hidden size; positions are not yet added.
    Source: official Arc2Face, `project_face_embs`.
    """
    tokens = torch.tensor(model.manifest["prompt"]["tokens"]).expand(len(face_embedding), -1)
    token_embeddings = model.encoder.embeddings.token_embedding(tokens)
    padding = model.encoder.config.hidden_size - face_embedding.shape[1]
    token_embeddings[tokens == model.manifest["prompt"]["idToken"]] = torch.nn.functional.pad(
        face_embedding.to(token_embeddings.dtype), (0, padding)
    )
    return token_embeddings


@torch.no_grad()
def encode_face(model: Arc2FaceModel, face_embedding: torch.Tensor) -> torch.Tensor:
    """Conditioning [N, T, hidden] of unit-norm face embeddings [N, E]."""
    token_embeddings = embed_prompt(model, face_embedding)
    # The encoder takes ids only, so the embeddings enter where the ids' own would come out.
    hook = model.encoder.embeddings.token_embedding.register_forward_hook(lambda *_: token_embeddings)
    try:
        tokens = torch.tensor(model.manifest["prompt"]["tokens"]).expand(len(face_embedding), -1)
        return model.encoder(tokens).last_hidden_state
    finally:
        hook.remove()


@torch.no_grad()
def encode_nothing(model: Arc2FaceModel, batch: int) -> torch.Tensor:
    """Unconditional branch of classifier-free guidance: the empty prompt through the same encoder."""
    tokens = torch.tensor(model.manifest["prompt"]["unconditional"]).expand(batch, -1)
    return model.encoder(tokens).last_hidden_state
