"""How fast diffusers on PyTorch's CPU backend runs a model folder of full size; prints JSON.

Every network is timed in PyTorch's default memory layout and in channels-last, and the better figure is reported.
"""

import argparse
import json
import platform
import resource
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import torch
from torch import nn

from arc2face_model import encode_face, load_model


@torch.inference_mode()
def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)

    start = perf_counter()
    model = load_model(arguments.model)
    load_seconds = perf_counter() - start

    latents = torch.randn(2, 4, 64, 64)
    conditioning = torch.randn(2, 77, 768)
    timestep = torch.tensor(601)
    face_embedding = torch.nn.functional.normalize(torch.randn(1, 512), dim=1)

    def time(network: nn.Module, call: Callable[[], object]) -> dict:
        return time_both_layouts(network, call, arguments.runs)

    print(
        json.dumps(
            {
                "engine": f"torch {torch.__version__} CPU",
                "processor": platform.processor() or platform.machine(),
                "threads": arguments.threads,
                "runs": arguments.runs,
                "load_s": round(load_seconds, 3),
                "text_encoder": time(model.encoder, lambda: encode_face(model, face_embedding)),
                "unet_batch_1": time(model.unet, lambda: model.unet(latents[:1], timestep, conditioning[:1])),
                "unet_batch_2": time(model.unet, lambda: model.unet(latents, timestep, conditioning)),
                "vae_decode_512": time(model.vae, lambda: model.vae.decode(latents[:1])),
                # Linux counts in KiB.
                "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            },
            indent=2,
        )
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="model folder, as full_size.py writes it")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--runs", type=int, default=3, help="timed runs after one untimed run; the fastest counts: the least disturbed")
    return parser.parse_args()


def time_both_layouts(network: nn.Module, call: Callable[[], object], runs: int) -> dict:
    seconds = {}
    for name, layout in {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}.items():
        network.to(memory_format=layout)
        seconds[name] = best_seconds(call, runs)
    best = min(seconds, key=seconds.get)
    return {"seconds": round(seconds[best], 4), "layout": best}


def best_seconds(call: Callable[[], object], runs: int) -> float:
    call()
    elapsed = []
    for _ in range(runs):
        start = perf_counter()
        call()
        elapsed.append(perf_counter() - start)
    return min(elapsed)


if __name__ == "__main__":
    main()
