import { exportOnnx } from "../graph/export.js";
import type { OnnxModel } from "../graph/onnx-model.js";
import { add, clip, conv, mul, reduceMean, reshape, transpose } from "../graph/operators/index.js";
import { input, size, type Value } from "../graph/value.js";
import { TensorWeights, Weights } from "../graph/weights.js";
import type { Tensor } from "../tensor/tensor.js";

/** Side of the faces that the network is given. It learnt from 224; at 160 it tells people apart as well, for half the work. */
const faceSizePx = 160;
/** Channels after each of the 13 separable convolutions. */
const widths = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024];
/** Those that halve the resolution, counted from 1. */
const halving: ReadonlySet<number> = new Set([2, 4, 6, 12]);

/**
 * HSE-FaceRes, a MobileNet that learnt to tell the people of VGGFace2 apart, then their age and sex; the person's part of it: input
 * `faces` float [batch, 3, 160, 160], RGB, 0 to 255; output `descriptor` float [batch, 1024], not negative.
 * Source: Savchenko 2019, "Efficient facial representations for age, gender and identity recognition in organizing photo albums using multi-output ConvNet"; as npm's
 * `@vladmandic/human` carries it (`models/faceres.json`).
 * @param tensors in TensorFlow's layout, under the names they have there with `.` between their parts
 * @throws CheckpointError if they are those of another network
 */
export function hseFaceresModel(tensors: ReadonlyMap<string, Tensor<"f32">>, where: string): OnnxModel {
  const w = new Weights(new TensorWeights(tensors, where));
  const faces = input("faces", "f32", ["batch", 3, faceSizePx, faceSizePx]);
  return exportOnnx({ inputs: [faces], outputs: { descriptor: hseFaceres(w, faces) } });
}

function hseFaceres(w: Weights, faces: Value): Value {
  const filters = w.get("conv1.convolution.merged_input", [3, 3, 3, 32], unused);
  let h = shifted(w.at("conv1_bn"), conv(faces, transpose(filters, [3, 2, 0, 1]), undefined, same(2)));
  for (const [i, width] of widths.entries()) {
    const channels = size(h, 1);
    const [depthwise, pointwise] = [`conv_dw_${i + 1}`, `conv_pw_${i + 1}`];
    const spatial = w.get(`${depthwise}.depthwise_kernel`, [3, 3, channels, 1], unused);
    const scale = w.get(`${depthwise}_bn.batchnorm_1.mul`, [channels], unused);
    const options = { ...same(halving.has(i + 1) ? 2 : 1), groups: channels };
    h = mul(conv(h, transpose(spatial, [2, 3, 0, 1]), undefined, options), reshape(scale, [channels, 1, 1]));
    h = shifted(w.at(`${depthwise}_bn`), h);
    const mixing = w.get(`${pointwise}.convolution.merged_input`, [1, 1, channels, width], unused);
    h = shifted(w.at(`${pointwise}_bn`), conv(h, transpose(mixing, [3, 2, 0, 1]), undefined));
  }
  return reduceMean(h, { axes: [2, 3] });
}

/** What is left of a batch normalization whose scale went into the filters, and ReLU6. */
function shifted(w: Weights, x: Value): Value {
  const channels = size(x, 1);
  return clip(add(x, reshape(w.get("batchnorm_1.sub", [channels], unused), [channels, 1, 1])), 0, 6);
}

/** TensorFlow's `SAME` padding of a 3x3 convolution; of images of even sides, with a stride of 2. */
const same = (stride: 1 | 2) => ({ stride, padding: stride === 2 ? ([0, 0, 1, 1] as const) : 1 });

/** The network comes trained. */
const unused = { kind: "constant", value: 0 } as const;
