"""Fixtures of insightface verification sets, and a check of sets written by the product.

Usage: python reference/insightface_bin.py               writes test/fixtures/data/verification-*.bin
       python reference/insightface_bin.py check FILE    reads FILE as insightface's load_bin does and decodes its images

insightface's load_bin needs mxnet only to decode; what it does before is replicated in `load_bin`.
Pins: numpy, pillow, opencv-python-headless (requirements.txt).
"""

import io
import pickle
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

FIXTURES = Path(__file__).resolve().parent.parent / "test/fixtures/data"


def load_bin(path):
    """insightface, recognition/arcface_torch/eval/verification.py: the pickle, and each image decoded."""
    try:
        with open(path, "rb") as file:
            bins, same = pickle.load(file)
    except UnicodeDecodeError:
        with open(path, "rb") as file:
            bins, same = pickle.load(file, encoding="bytes")
    images = [cv2.imdecode(np.frombuffer(bins[i], np.uint8), cv2.IMREAD_COLOR) for i in range(2 * len(same))]
    assert all(image is not None for image in images)
    return images, same


def python2_pickle(images, same):
    """What Python 2's cPickle writes with protocol 2, where str is bytes."""
    out = io.BytesIO(b"")
    out.write(b"\x80\x02]q\x01(")
    for i, image in enumerate(images):
        header = b"U" + bytes([len(image)]) if len(image) < 256 else b"T" + len(image).to_bytes(4, "little")
        out.write(header + image + b"q" + bytes([i + 2]))
    out.write(b"e]q" + bytes([len(images) + 2]) + b"(" + b"".join(b"\x88" if flag else b"\x89" for flag in same))
    out.write(b"e\x86q" + bytes([len(images) + 3]) + b".")
    return out.getvalue()


def jpeg(colour):
    buffer = io.BytesIO()
    Image.new("RGB", (112, 112), colour).save(buffer, "JPEG", quality=50)
    return buffer.getvalue()


def write_fixtures():
    FIXTURES.mkdir(parents=True, exist_ok=True)
    images = [jpeg(colour) for colour in ["#c02020", "#c82828", "#2020c0", "#20c020", "#101010", "#181818"]]
    images[3] = b"\xff\xd8short\xff\xd9"  # below 256 bytes: another instruction
    same = [True, False, True]
    for protocol in [2, 3, 4, 5]:
        (FIXTURES / f"verification-protocol{protocol}.bin").write_bytes(pickle.dumps((images, same), protocol=protocol))
    (FIXTURES / "verification-python2.bin").write_bytes(python2_pickle(images, same))
    assert pickle.loads(python2_pickle(images, same), encoding="bytes") == (images, same)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "check":
        images, same = load_bin(sys.argv[2])
        shapes = sorted({image.shape for image in images})
        print(f"{len(images)} images of shapes {shapes}, {sum(same)} of {len(same)} pairs the same person")
    elif len(sys.argv) == 1:
        write_fixtures()
    else:
        sys.exit(__doc__)
