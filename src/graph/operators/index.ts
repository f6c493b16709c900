import type { Operator } from "../value.js";
import { elementwiseOperators } from "./elementwise.js";
import { linearOperators } from "./linear.js";
import { normalizationOperators } from "./normalization.js";
import { reductionOperators } from "./reduction.js";
import { shapeOperators } from "./shape.js";

export * from "./elementwise.js";
export {
  type AttentionOptions,
  attention,
  type ConvOptions,
  type ConvolutionWindow,
  conv,
  convolution,
  convTranspose,
  matmul,
  type ProductOptions,
  product,
} from "./linear.js";
export { instanceNormalization, layerNormalization, normalize } from "./normalization.js";
export {
  averagePool,
  maxPool,
  maxPoolIndices,
  type ReduceOptions,
  reduceL2,
  reduceMean,
  reduceSum,
} from "./reduction.js";
export {
  concat,
  elements,
  expand,
  gather,
  pad,
  reshape,
  scatterAdd,
  slice,
  split,
  squeeze,
  strided,
  times,
  transpose,
  unsqueeze,
  upsampleNearest,
} from "./shape.js";

/** Every operator that graphs of this project may contain, by ONNX name. */
export const operators: ReadonlyMap<string, Operator> = new Map(
  Object.entries<Operator>({
    ...elementwiseOperators,
    ...linearOperators,
    ...normalizationOperators,
    ...reductionOperators,
    ...shapeOperators,
  }),
);
