import { apply, apply1, type Dim, Float, floats, Mismatch, type Operator, size, type Value } from "../value.js";
import { dimAt, intAttribute, normalizeAxis, required, requireRank } from "./inference.js";
import { expand } from "./shape.js";

/** Normalizations. All keep the shape of their first operand. */

/** Per-channel parameters (operands from 1 on) must be vectors as long as the channel axis. */
function perChannel(type: string): Operator {
  return {
    type,
    infer: (inputs) => {
      const x = required(inputs, 0);
      for (const parameter of inputs.slice(1)) {
        if (parameter === undefined) continue;
        requireRank(parameter, 1);
        if (dimAt(parameter, 0) !== dimAt(x, 1))
          throw new Mismatch(`${dimAt(x, 1)} channels, ${dimAt(parameter, 0)} parameters`);
      }
      return [x];
    },
  };
}

export const normalizationOperators = {
  InstanceNormalization: perChannel("InstanceNormalization"),
  BatchNormalization: perChannel("BatchNormalization"),
  GroupNormalization: perChannel("GroupNormalization"),
  LayerNormalization: {
    type: "LayerNormalization",
    /** Beside the result, ONNX Runtime gives the mean and the inverse standard deviation of each normalized slice. */
    infer: (inputs, attributes, outputCount) => {
      const [x, scale] = [required(inputs, 0), required(inputs, 1)];
      const axis = intAttribute(attributes, "axis", -1);
      if (axis === -1 && dimAt(x, -1) !== dimAt(scale, -1)) {
        throw new Mismatch(`the last axis has ${dimAt(x, -1)} elements, the scale ${dimAt(scale, -1)}`);
      }
      const first = normalizeAxis(axis, x.shape.length);
      const statistic = { dtype: x.dtype, shape: x.shape.map((dim, i): Dim => (i < first ? dim : 1)) };
      return [x, statistic, statistic].slice(0, outputCount);
    },
  },
  LpNormalization: { type: "LpNormalization", infer: (inputs) => [required(inputs, 0)] },
} as const satisfies Record<string, Operator>;

const ops = normalizationOperators;

/** Normalizes every (sample, channel) over its positions. x [N, C, ...], scale and bias [C]. */
export const instanceNormalization = (x: Value, scale: Value, bias: Value, epsilon: number): Value =>
  apply1(ops.InstanceNormalization, [x, scale, bias], { epsilon: new Float(epsilon) });

/** Normalizes over the last axis. x [..., C], scale and bias [C]. */
export const layerNormalization = (x: Value, scale: Value, bias: Value, epsilon: number): Value =>
  apply1(ops.LayerNormalization, [x, scale, bias], { axis: -1, epsilon: new Float(epsilon) });

/** Normalizes over the last axis without scale or shift, and gives the inverse standard deviations [..., 1] as well. */
export function normalize(x: Value, epsilon: number): { normal: Value; inverseStd: Value } {
  const width = size(x, -1);
  const [ones, zeros] = [expand(floats(1), [width]), expand(floats(0), [width])];
  const attributes = { axis: -1, epsilon: new Float(epsilon) };
  const [normal, , inverseStd] = apply(ops.LayerNormalization, [x, ones, zeros], attributes, 3);
  return { normal: normal as Value, inverseStd: inverseStd as Value };
}
