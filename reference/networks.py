"""test/fixtures/parity: inputs and outputs of the tiny checkpoint's networks and of every module in them."""

import torch
from diffusers import AutoencoderKL
from torch.nn.functional import normalize

from arc2face_model import Arc2FaceModel, embed_prompt, encode_face, encode_nothing, load_model
from record import Tensors, record
from weights import FIXTURES, generator, save_tensors


def main() -> None:
    folder = FIXTURES / "parity"
    model = load_model(FIXTURES / "tiny")
    face_embedding = normalize(torch.randn(3, 24, generator=generator(10)), dim=1)
    conditioning = encode_face(model, face_embedding)
    save_tensors(record_encoder(model, face_embedding), folder / "encoder.safetensors")
    save_tensors(record_unet(model, conditioning), folder / "unet.safetensors")
    save_tensors(record_unet_modules(model, conditioning[:2]), folder / "unet-modules.safetensors")
    save_tensors(record_vae(model.vae), folder / "vae.safetensors")


def record_encoder(model: Arc2FaceModel, face_embedding: torch.Tensor) -> Tensors:
    """Every module for three faces; their keys carry the official file's `text_model.` prefix."""
    modules = record(model.encoder, lambda: encode_face(model, face_embedding))
    return {
        "faceEmbedding": face_embedding,
        "tokenEmbeddings": embed_prompt(model, face_embedding),
        **{f"text_model.{name}": value for name, value in modules.items()},
        "conditioning": encode_face(model, face_embedding),
        "unconditional": encode_nothing(model, 1),
    }


@torch.no_grad()
def record_unet(model: Arc2FaceModel, conditioning: torch.Tensor) -> Tensors:
    """The whole UNet at one time step for all, and at another for each image of the batch."""
    latents = torch.randn(3, 4, 8, 12, generator=generator(11))
    shared, each = torch.tensor([981]), torch.tensor([999, 261, 1])
    return {
        "latents": latents,
        "conditioning": conditioning,
        "shared/timestep": shared,
        "shared/out": model.unet(latents, shared, conditioning).sample,
        "each/timestep": each,
        "each/out": model.unet(latents, each, conditioning).sample,
    }


def record_unet_modules(model: Arc2FaceModel, conditioning: torch.Tensor) -> Tensors:
    """Every module of the UNet for two small latents."""
    latents = torch.randn(2, 4, 4, 6, generator=generator(12))
    timesteps = torch.tensor([741, 42])
    out = []
    modules = record(model.unet, lambda: out.append(model.unet(latents, timesteps, conditioning).sample))
    return {"in0": latents, "in1": timesteps, "in2": conditioning, "out": out[0], **modules}


@torch.no_grad()
def record_vae(vae: AutoencoderKL) -> Tensors:
    """Encoding of two images and decoding of two latents (already divided by the scaling factor)."""
    image = 2 * torch.rand(2, 3, 8, 16, generator=generator(13)) - 1
    latents = torch.randn(2, 4, 2, 4, generator=generator(14))
    posterior, decoded = [], []
    encoder = record(vae, lambda: posterior.append(vae.encode(image).latent_dist))
    decoder = record(vae, lambda: decoded.append(vae.decode(latents).sample))
    return {
        "encode/in0": image,
        "encode/mean": posterior[0].mean,
        "encode/logvar": posterior[0].logvar,
        "decode/in0": latents,
        "decode/out": decoded[0],
        **encoder,
        **decoder,
    }


if __name__ == "__main__":
    main()
