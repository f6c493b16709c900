import { exportOnnx } from "../graph/export.js";
import type { OnnxModel } from "../graph/onnx-model.js";
import {
  add,
  averagePool,
  concat,
  conv,
  div,
  matmul,
  maxPool,
  mul,
  pad,
  reduceMean,
  relu,
  reshape,
  sub,
  transpose,
} from "../graph/operators/index.js";
import { floats, input, size, type Value } from "../graph/value.js";
import { TensorWeights, Weights } from "../graph/weights.js";
import type { Tensor } from "../tensor/tensor.js";

/** Side of the faces that the network takes. */
export const dlibFaceSizePx = 150;
/** Numbers that it gives for a face. */
const descriptorSize = 128;
/** Of the training photos; R, G, B. */
const meanColour = [122.782, 117.001, 104.298];

/** Blocks of the same width after the one that reaches it, by width. */
const stages = [
  { width: 32, blocks: 3 },
  { width: 64, blocks: 3 },
  { width: 128, blocks: 2 },
  { width: 256, blocks: 2 },
] as const;

/**
 * dlib's face recogniser as face-api carries it: input `faces` float [batch, 3, 150, 150], RGB, 0 to 255; output
 * `descriptor` float [batch, 128]. Two photos of one person lie within a Euclidean distance of about 0.6.
 * Source: King 2017, dlib `dlib_face_recognition_resnet_model_v1`; face-api `FaceRecognitionNet`.
 * @param tensors in TensorFlow's layout, under face-api's names with `.` between their parts
 * @throws CheckpointError if they are those of another network
 */
export function dlibResnetModel(tensors: ReadonlyMap<string, Tensor<"f32">>, where: string): OnnxModel {
  const w = new Weights(new TensorWeights(tensors, where));
  const faces = input("faces", "f32", ["batch", 3, dlibFaceSizePx, dlibFaceSizePx]);
  return exportOnnx({ inputs: [faces], outputs: { descriptor: dlibResnet(w, faces) } });
}

function dlibResnet(w: Weights, faces: Value): Value {
  let h = div(sub(faces, floats(meanColour, [3, 1, 1])), 255);
  h = relu(scaledConv(w.at("conv32_down"), h, { outChannels: 32, kernel: 7, stride: 2, padding: 0 }));
  h = maxPool(h, { kernel: [3, 3], stride: [2, 2] });
  for (const { width, blocks } of stages) {
    if (width > 32) h = downBlock(w.at(`conv${width}_down`), h, width);
    for (let i = 1; i <= blocks; i++) h = block(w.at(`conv${width}_${i}`), h);
  }
  h = downBlock(w.at("conv256_down_out"), h, 256);
  return matmul(reduceMean(h, { axes: [2, 3] }), w.get("fc", [256, descriptorSize], unused));
}

/** Two 3x3 convolutions beside the identity. */
function block(w: Weights, x: Value): Value {
  const same = { outChannels: size(x, 1), kernel: 3, stride: 1, padding: 1 };
  const h = relu(scaledConv(w.at("conv1"), x, same));
  return relu(add(scaledConv(w.at("conv2"), h, same), x));
}

/**
 * Halves the resolution. The skip path is an average pool, with channels of zeros where there are more afterwards; the
 * convolutions see no padding at the first step, so that they may come out a row and a column short: zeros, too.
 */
function downBlock(w: Weights, x: Value, outChannels: number): Value {
  const h = relu(scaledConv(w.at("conv1"), x, { outChannels, kernel: 3, stride: 2, padding: 0 }));
  const path = scaledConv(w.at("conv2"), h, { outChannels, kernel: 3, stride: 1, padding: 1 });
  const pooled = averagePool(x, { kernel: [2, 2], stride: [2, 2] });
  const skip = size(pooled, 1) === outChannels ? pooled : concat([pooled, mul(pooled, 0)], 1);
  const [rows, columns] = [size(skip, 2) - size(path, 2), size(skip, 3) - size(path, 3)];
  return relu(add(skip, rows + columns === 0 ? path : pad(path, [0, 0, 0, 0, 0, 0, rows, columns])));
}

interface ScaledConvOptions {
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

/** A convolution, and what dlib made of the batch normalization after it: a scale and a shift of each channel. */
function scaledConv(w: Weights, x: Value, { outChannels, kernel, stride, padding }: ScaledConvOptions): Value {
  const filters = w.get("conv.filters", [kernel, kernel, size(x, 1), outChannels], unused);
  const perChannel = (name: string) => w.get(name, [outChannels], unused);
  const h = conv(x, transpose(filters, [3, 2, 0, 1]), perChannel("conv.bias"), { stride, padding });
  const scale = reshape(perChannel("scale.weights"), [outChannels, 1, 1]);
  return add(mul(h, scale), reshape(perChannel("scale.biases"), [outChannels, 1, 1]));
}

/** The network comes trained. */
const unused = { kind: "constant", value: 0 } as const;
