import { exportOnnx } from "../graph/export.js";
import type { OnnxModel } from "../graph/onnx-model.js";
import { add, conv, div, matmul, mul, relu, reshape, sub, transpose } from "../graph/operators/index.js";
import { input, size, type Value } from "../graph/value.js";
import { TensorWeights, Weights } from "../graph/weights.js";
import type { Tensor } from "../tensor/tensor.js";

/** Side of the faces that the network takes. */
const faceSizePx = 112;
/** Channels of the stages, each of half the resolution. */
const widths = [32, 32, 64, 128];
/** Numbers that it gives for a face. */
const descriptorSize = 256;

/**
 * MobileFace, a small recogniser of faces: input `faces` float [batch, 3, 112, 112], RGB, 0 to 255; output `descriptor` float
 * [batch, 256].
 * Source: Becauseofai 2018, `MobileFace_Identification`; as npm's `@vladmandic/human` carried it until version 1.3
 * (`models/mobileface.json`).
 * @param tensors in TensorFlow's layout, under the names they have there with `.` between their parts
 * @throws CheckpointError if they are those of another network
 */
export function mobileFaceModel(tensors: ReadonlyMap<string, Tensor<"f32">>, where: string): OnnxModel {
  const w = new Weights(new TensorWeights(tensors, where));
  const faces = input("faces", "f32", ["batch", 3, faceSizePx, faceSizePx]);
  return exportOnnx({ inputs: [faces], outputs: { descriptor: mobileFace(w, faces) } });
}

function mobileFace(w: Weights, faces: Value): Value {
  const pixels = div(sub(faces, 127.5), 128);
  const first = transpose(w.get("conv1_weight", [3, 3, 3, widths[0] as number], unused), [3, 2, 0, 1]);
  let h = prelu(w, "prelu1", conv(pixels, first, undefined, { stride: 2, padding: 1 }));
  for (const [i, width] of widths.entries()) {
    const unit = `stage${i + 1}_unit1`;
    const mixing = w.get(`${unit}_conv0_0_weight`, [1, 1, size(h, 1), width], unused);
    const mixed = conv(h, transpose(mixing, [3, 2, 0, 1]), undefined);
    const shortcut = prelu(w, `${unit}_prelu0`, depthwise(w, `${unit}_conv0_1`, mixed, 2));
    h = prelu(w, `${unit}_prelu1`, depthwise(w, `${unit}_conv1`, shortcut, 1));
    h = add(prelu(w, `${unit}_prelu2`, depthwise(w, `${unit}_conv2`, h, 1)), shortcut);
  }
  const length = size(h, 1) * size(h, 2) * size(h, 3);
  // The dense layer takes positions first, then channels.
  const flat = reshape(transpose(h, [0, 2, 3, 1]), [-1, length]);
  const descriptor = matmul(flat, w.get("dense.kernel", [length, descriptorSize], unused));
  const [scale, shift] = ["mul", "sub"].map((part) => w.get(`batchnorm0.${part}`, [descriptorSize], unused));
  return add(mul(descriptor, scale as Value), shift as Value);
}

function depthwise(w: Weights, name: string, x: Value, stride: 1 | 2): Value {
  const channels = size(x, 1);
  const filters = transpose(w.get(`${name}_df`, [3, 3, channels, 1], unused), [2, 3, 0, 1]);
  return conv(x, filters, undefined, { stride, padding: 1, groups: channels });
}

function prelu(w: Weights, name: string, x: Value): Value {
  const slope = reshape(w.get(`${name}_gamma`, [size(x, 1)], unused), [size(x, 1), 1, 1]);
  return sub(relu(x), mul(slope, relu(sub(0, x))));
}

/** The network comes trained. */
const unused = { kind: "constant", value: 0 } as const;
