"""Tiny networks in the layouts of SCRFD and ArcFace, with random weights, and what insightface makes of them.

Usage: python reference/scrfd.py   writes test/fixtures/face/

Needs test/fixtures/image/ (alignment.py). Pins: insightface, onnx, onnxruntime, numpy, opencv-python-headless
(requirements.txt).
"""

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
from insightface.app.common import Face
from insightface.model_zoo.arcface_onnx import ArcFaceONNX
from insightface.model_zoo.scrfd import SCRFD
from onnx import TensorProto, helper, numpy_helper

FIXTURES = Path(__file__).resolve().parent.parent / "test" / "fixtures"
OUT = FIXTURES / "face"
STRIDES = (8, 16, 32)
ANCHORS = 2
random = np.random.default_rng(7)


class Graph:
    """Nodes and weights, as they are added."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def weight(self, values, dtype=np.float32):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def op(self, kind, *inputs, output=None, **attributes):
        output = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def conv(self, x, channels_in, channels_out, stride, gain=1.0, bias=None):
        w = random.standard_normal((channels_out, channels_in, 3, 3)) * gain / np.sqrt(9 * channels_in)
        b = random.standard_normal(channels_out) * 0.1 if bias is None else bias
        return self.op("Conv", x, self.weight(w), self.weight(b), strides=[stride] * 2, pads=[1] * 4)

    def save(self, path, inputs, outputs):
        graph = helper.make_graph(self.nodes, path.stem, inputs, outputs, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, path)


def make_scrfd(path, size, points, batched):
    """Outputs in insightface's order: scores, boxes and points, each for strides 8, 16 and 32."""
    graph = Graph()
    x = graph.op("Relu", graph.conv("input.1", 3, 4, 2))
    x = graph.op("Relu", graph.conv(x, 4, 6, 2))  # stride 4
    heads = {}
    for stride in STRIDES:
        x = graph.op("Relu", graph.conv(x, 6, 6, 2))
        for kind, width, gain, bias in (("score", 1, 9, -1.2), ("bbox", 4, 1, 2.0), ("kps", 10, 1, 0.0)):
            if kind == "kps" and not points:
                continue
            y = graph.conv(x, 6, ANCHORS * width, 1, gain, np.full(ANCHORS * width, bias))
            y = graph.op("Transpose", y, perm=[0, 2, 3, 1])
            shape = [1, -1, width] if batched else [-1, width]
            name = f"{kind}_{stride}"
            y = graph.op("Reshape", y, graph.weight(shape, np.int64), output=name if kind != "score" else None)
            if kind == "score":
                y = graph.op("Sigmoid", y, output=name)
            dims = [1, None, width] if batched else [None, width]
            heads[kind, stride] = helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
    kinds = ("score", "bbox", "kps") if points else ("score", "bbox")
    height, width = size or ("height", "width")
    image = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [1, 3, height, width])
    graph.save(path, [image], [heads[kind, stride] for kind in kinds for stride in STRIDES])


def make_recogniser(path, size):
    graph = Graph()
    x = graph.op("Relu", graph.conv("input.1", 3, 4, 4))
    x = graph.op("Relu", graph.conv(x, 4, 4, 2))
    x = graph.op("Flatten", x)
    w = random.standard_normal((14 * 14 * 4, size)) / 28
    graph.op("Gemm", x, graph.weight(w), graph.weight(random.standard_normal(size) * 0.1), output="embedding")
    image = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, ["N", 3, 112, 112])
    graph.save(path, [image], [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", size])])


def detect(path, photo, size=None):
    detector = SCRFD(str(path), static_shape_sessions=False)
    detector.prepare(-1, **({"input_size": size} if size else {}))
    boxes, points = detector.detect(photo)
    assert 3 < len(boxes) < 200, len(boxes)
    return {"boxes": boxes.tolist(), "points": None if points is None else points.tolist()}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    photo = cv2.imread(str(FIXTURES / "image" / "photo-200x160.png"))
    make_scrfd(OUT / "scrfd-fixed.onnx", (160, 224), points=True, batched=True)
    make_scrfd(OUT / "scrfd-dynamic.onnx", None, points=False, batched=False)
    make_recogniser(OUT / "recogniser.onnx", 24)  # as many numbers as the tiny model takes

    recogniser = ArcFaceONNX(str(OUT / "recogniser.onnx"))
    arcface = json.loads((FIXTURES / "image" / "arcface.json").read_text())
    cases = []
    for case in arcface:
        face = Face(kps=np.asarray(case["points5"], np.float32))
        cases.append({"name": case["name"], "embedding": recogniser.get(photo, face).tolist()})
    expected = {
        # The photo fills the frame's height: neither is scaled.
        "fixed": detect(OUT / "scrfd-fixed.onnx", photo),
        # The photo's top left corner, which fills the width of a 160x160 frame.
        "dynamic": detect(OUT / "scrfd-dynamic.onnx", photo[:120, :160], (160, 160)),
        "embeddings": cases,
    }
    (OUT / "insightface.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
