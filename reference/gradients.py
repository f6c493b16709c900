"""test/fixtures/gradients: gradients of the noise-prediction loss by every parameter of the tiny UNet and encoder.

Each gradient is kept as its norm and its products with random vectors of seed 0, 1, ...: their mean squared error, over
the norm, estimates the relative error of the whole gradient, at a hundredth of its size. Computed in float64.
"""

import torch
from torch import nn
from torch.nn.functional import mse_loss, normalize, pad

from arc2face_model import Arc2FaceModel, load_model
from weights import FIXTURES, generator, save_tensors

PROJECTIONS = 16


def main() -> None:
    model = load_model(FIXTURES / "tiny", torch.float64)
    inputs = {
        "latents": torch.randn(2, 4, 8, 12, generator=generator(20)),
        "timesteps": torch.tensor([741.0, 42.0]),
        "faceEmbedding": normalize(torch.randn(2, 24, generator=generator(21)), dim=1),
        "noise": torch.randn(2, 4, 8, 12, generator=generator(22)),
    }
    latents, timesteps, face_embedding, noise = (value.double() for value in inputs.values())
    conditioning = condition(model, face_embedding)
    loss = mse_loss(model.unet(latents, timesteps, conditioning).sample, noise)
    loss.backward()
    save_tensors(
        {
            **inputs,
            "loss": loss.detach().float(),
            **summaries(model.unet, ""),
            **summaries(model.encoder, "text_model."),
        },
        FIXTURES / "gradients" / "noise-prediction.safetensors",
    )


def condition(model: Arc2FaceModel, face_embedding: torch.Tensor) -> torch.Tensor:
    """As `encode_face`, with gradients to the token embeddings that stay in the prompt."""
    tokens = torch.tensor([model.manifest["prompt"]["tokens"]] * len(face_embedding))
    is_identity = (tokens == model.manifest["prompt"]["idToken"])[..., None]
    table = model.encoder.embeddings.token_embedding
    identity = pad(face_embedding, (0, table.embedding_dim - face_embedding.shape[1]))[:, None]
    hook = table.register_forward_hook(lambda _, __, embedded: torch.where(is_identity, identity, embedded))
    try:
        return model.encoder(tokens).last_hidden_state
    finally:
        hook.remove()


def summaries(network: nn.Module, prefix: str) -> dict[str, torch.Tensor]:
    return {f"gradient/{prefix}{name}": summary(parameter.grad) for name, parameter in network.named_parameters()}


def summary(gradient: torch.Tensor) -> torch.Tensor:
    """[norm, product with randn of seed 0, of seed 1, ...]"""
    vectors = (torch.randn(gradient.shape, generator=generator(seed)).double() for seed in range(PROJECTIONS))
    return torch.stack([gradient.norm(), *((gradient * vector).sum() for vector in vectors)]).float()


if __name__ == "__main__":
    main()
