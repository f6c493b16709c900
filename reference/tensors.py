"""Reference values for src/tensor: casts, random numbers, and files as torch, safetensors and numpy write them.

Usage: python reference/tensors.py      (writes test/fixtures/tensors/)
"""

import hashlib
import json
import pathlib
from collections import OrderedDict

import numpy as np
import torch
from safetensors.numpy import save_file as save_numpy
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).parent.parent / "test" / "fixtures" / "tensors"
OUT.mkdir(parents=True, exist_ok=True)


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def f32_patterns() -> np.ndarray:
    """A million patterns spread over all of float32, and every f16 value with its neighbours and midpoints."""
    spread = (np.arange(1 << 20, dtype=np.uint64) * 4099 % (1 << 32)).astype(np.uint32)
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32).view(np.uint32)
    offsets = [-1, 0, 1, 0xFFF, 0x1000, 0x1001]
    near = np.concatenate([(halves.astype(np.int64) + o).astype(np.uint32) for o in offsets])
    return np.concatenate([spread, near])


def casts() -> dict:
    halves = torch.arange(1 << 16, dtype=torch.int32).to(torch.int16)
    patterns = f32_patterns()
    x = torch.from_numpy(patterns.copy().view(np.float32))
    number = ~torch.isnan(x).numpy()  # NaN payloads are not part of the contract
    f16, bf16 = x.half(), x.bfloat16()
    assert torch.isnan(f16[~number]).all() and torch.isnan(bf16[~number]).all()
    wide16 = halves.view(torch.float16).float()
    wideb = halves.view(torch.bfloat16).float()
    integers = [2**53 + 1, 2**24 + 1, 2**62 + 2**38 + 1, 2**62 + 2**38, -(2**62) - 2**38 - 1, 2**63 - 1, -(2**63), 65519, 65520]
    i64 = torch.tensor(integers, dtype=torch.int64)
    return {
        "f16ToF32": digest(torch.nan_to_num(wide16, nan=0, posinf=float("inf"), neginf=float("-inf")).numpy()),
        "bf16ToF32": digest(torch.nan_to_num(wideb, nan=0, posinf=float("inf"), neginf=float("-inf")).numpy()),
        "f32ToF16": digest(f16.numpy().view(np.uint16)[number]),
        "f32ToBf16": digest(bf16.view(torch.int16).numpy()[number]),
        "integers": [str(i) for i in integers],
        "i64ToF32": i64.float().tolist(),
        "i64ToF16": i64.half().view(torch.int16).int().bitwise_and(0xFFFF).tolist(),
        "i64ToI32": i64.int().tolist(),
        "i64ToU8": i64.to(torch.uint8).tolist(),
        "i64ToI8": i64.to(torch.int8).tolist(),
    }


SHAPES = [[1], [15], [16], [17], [31], [2, 3, 5], [7]]


def random_numbers() -> tuple[dict, dict]:
    """Draws of one generator one after another, so that what a draw leaves behind is tested too."""
    tensors, states = {}, {}
    for seed in [0, 42, 2**32 + 5, -1, 2**64 - 7]:
        g = torch.Generator("cpu").manual_seed(seed)
        states[f"{seed}/start"] = digest(g.get_state().numpy())
        for i, shape in enumerate(SHAPES):
            tensors[f"{seed}/randn/{i}"] = torch.randn(shape, generator=g)
        states[f"{seed}/randn"] = digest(g.get_state().numpy())
        tensors[f"{seed}/rand"] = torch.rand(19, generator=g)
        tensors[f"{seed}/randint/small"] = torch.randint(-5, 1000, (9,), generator=g)
        tensors[f"{seed}/randint/below"] = torch.randint(0, 2**28 - 1, (9,), generator=g)
        tensors[f"{seed}/randint/wide"] = torch.randint(0, 2**28, (9,), generator=g)
        tensors[f"{seed}/randint/huge"] = torch.randint(-(2**40), 2**52, (9,), generator=g)
        tensors[f"{seed}/randperm"] = torch.randperm(33, generator=g)
        # Odd, so that a cached normal number is part of the state.
        tensors[f"{seed}/randn/last"] = torch.randn(3, generator=g)
        states[f"{seed}/end"] = digest(g.get_state().numpy())
    tensors["0/latents"] = torch.randn(1, 4, 32, 32, generator=torch.Generator("cpu").manual_seed(0))
    # The larger image's worth of noise by its first and last values.
    large = torch.randn(64, 64, 4, generator=torch.Generator("cpu").manual_seed(42)).flatten()
    tensors["42/large"] = torch.cat([large[:64], large[-64:]])
    tensors["42/state"] = torch.Generator("cpu").manual_seed(42).get_state()
    return tensors, states


def checkpoints() -> None:
    base = torch.arange(24, dtype=torch.float32)
    tied = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    state = OrderedDict()
    state["embed.weight"] = tied
    state["head.weight"] = tied  # one storage under two names
    state["transposed"] = base.reshape(2, 3, 4).permute(2, 0, 1)
    state["sliced"] = base.reshape(4, 6)[1::2, 1:5:3]
    state["expanded"] = torch.tensor([7.0, 8.0]).reshape(2, 1).expand(2, 3)
    state["scalar"] = torch.tensor(5, dtype=torch.int64)
    state["empty"] = torch.zeros(0, 3)
    state["parameter"] = torch.nn.Parameter(torch.tensor([0.5, -0.5]))
    for dtype in [torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32, torch.uint8, torch.int8]:
        state[str(dtype).removeprefix("torch.")] = torch.tensor([1, 2, 100]).to(dtype)
    state["bool"] = torch.tensor([True, False, True])
    state._metadata = OrderedDict({"": {"version": 1}})
    torch.save(state, OUT / "state-dict.bin")
    save_file({k: v.detach().clone().contiguous() for k, v in state.items()}, OUT / "state-dict.safetensors")

    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    with torch.no_grad():
        for i, p in enumerate(module.parameters()):
            p.fill_(i + 0.25)
    nested = {
        "epoch": 3, "loss": 0.5, "name": "tiny", "done": False, "none": None, "big": 2**63, "set": {1, 2},
        "size": torch.Size([2, 3]), "list": [torch.tensor([1.0]), (torch.tensor([2.0]),)],
        "state_dict": module.state_dict(),
    }
    torch.save(nested, OUT / "nested.pt")
    torch.save({"model": {"w": torch.tensor([1.0, 2.0])}, "opt": {"state": {0: {"m": torch.tensor([3.0])}}}}, OUT / "plain.pth")
    torch.save({"w": torch.tensor([1.0])}, OUT / "legacy.pt", _use_new_zipfile_serialization=False)


def numpy_files() -> None:
    np.save(OUT / "f32.npy", np.arange(6, dtype=np.float32).reshape(2, 3) / 4)
    np.save(OUT / "f16.npy", np.array([1.5, -2.0], dtype=np.float16))
    np.save(OUT / "i64-scalar.npy", np.array(-7, dtype=np.int64))
    np.save(OUT / "fortran.npy", np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3)))


if __name__ == "__main__":
    tensors, states = random_numbers()
    save_file({k: v.contiguous() for k, v in tensors.items()}, OUT / "random.safetensors")
    (OUT / "expected.json").write_text(json.dumps({"casts": casts(), "shapes": SHAPES, "states": states}, indent=1) + "\n")
    save_numpy({"b": np.array([1, 2], np.int8), "a": np.array([[1.5]], np.float32), "é": np.array([True])},
               OUT / "mixed.safetensors", metadata={"format": "pt"})
    checkpoints()
    numpy_files()
