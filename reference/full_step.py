"""One training step's forward and backward at full size (512x512, batch 1), to compare loss and gradient with.

Without optimizer state: weights and gradients take 8 GB, AdamW would take 8 more. Activations are computed again on the
way back (gradient checkpointing), as in the step that this is compared with.
"""

import argparse
import resource
from pathlib import Path
from time import perf_counter

import torch
from torch.nn.functional import mse_loss, normalize, pad

from arc2face_model import load_model
from weights import generator, save_tensors


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    model = load_model(arguments.model)
    model = model._replace(vae=None)
    unet, encoder, prompt = model.unet.train(), model.encoder.train(), model.manifest["prompt"]
    unet.enable_gradient_checkpointing()
    encoder.gradient_checkpointing_enable()

    inputs = {
        "latents": torch.randn(1, 4, 64, 64, generator=generator(81)),
        "target": torch.randn(1, 4, 64, 64, generator=generator(82)),
        "faceEmbedding": normalize(torch.randn(1, 512, generator=generator(83)), dim=1),
        "timesteps": torch.tensor([601.0]),
        "tokens": torch.tensor([prompt["tokens"]]),
    }
    is_identity = (inputs["tokens"] == prompt["idToken"])[..., None]
    identity = pad(inputs["faceEmbedding"], (0, encoder.config.hidden_size - 512))[:, None]
    # The encoder takes ids only, so the face enters where the ids' embeddings come out.
    encoder.embeddings.token_embedding.register_forward_hook(lambda _, __, out: torch.where(is_identity, identity, out))

    start = perf_counter()
    conditioning = encoder(inputs["tokens"]).last_hidden_state
    loss = mse_loss(unet(inputs["latents"], inputs["timesteps"], conditioning).sample, inputs["target"])
    loss.backward()
    seconds = perf_counter() - start

    norms = {
        f"norm/{network}.{name}": parameter.grad.norm()
        for network, module in (("unet", unet), ("encoder", encoder))
        for name, parameter in module.named_parameters()
    }
    gradient_norm = torch.stack(list(norms.values())).norm()
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"loss {loss:.7g}, gradient norm {gradient_norm:.7g}")
    print(f"torch {torch.__version__}, {arguments.threads} threads: {seconds:.1f} s, peak {peak_kib / 2**20:.2f} GiB")
    figures = {"loss": loss.detach(), "gradientNorm": gradient_norm}
    measured = {"seconds": torch.tensor(seconds), "peakBytes": torch.tensor(1024.0 * peak_kib)}
    save_tensors({**inputs, **figures, **measured, **norms}, arguments.model / "step_full.safetensors")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="folder that full_size.py wrote")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args()


if __name__ == "__main__":
    main()
