import { ShapeError } from "../../errors.js";
import { averagePool, concat, expand, mul, pad, reshape, scatterAdd, split, unsqueeze } from "../operators/index.js";
import { constantNumbers } from "../operators/inference.js";
import { type Attributes, describe, type Value } from "../value.js";
import { axisOf, count, filled, positiveAxis, type Rule, reshapeTo, sizes, transposeBack } from "./rule.js";

/** Rules of operators that move elements about. */

export const reshapeRule: Rule = ({ dy, x: [x] }) => [reshape(dy, x.shape)];

export const transposeRule: Rule = ({ dy, x, attributes }) => [transposeBack(dy, { attributes, inputs: x })];

export const concatRule: Rule = ({ dy, x, attributes }) => {
  const parts = x as readonly Value[];
  const axis = axisOf(dy, attributes, 0);
  return split(
    dy,
    parts.map((part) => sizes(part)[axis] as number),
    axis,
  );
};

export const splitRule: Rule = ({ dys, x: [x, parts], attributes }) => {
  const axis = axisOf(x, attributes, 0);
  const shape = sizes(x);
  const widths = parts ? constantNumbers(parts) : dys.map(() => (shape[axis] as number) / dys.length);
  return [
    concat(
      dys.map((dy, i) => dy ?? filled(0, shape.with(axis, widths[i] as number))),
      axis,
    ),
  ];
};

/** The slice's elements go back to their places among zeros. */
export const sliceRule: Rule = ({ dy, x: [x, startsOperand, , axesOperand, stepsOperand] }) => {
  const starts = constantNumbers(startsOperand);
  const axes = axesOperand ? constantNumbers(axesOperand) : starts.map((_, i) => i);
  const steps = stepsOperand ? constantNumbers(stepsOperand) : starts.map(() => 1);
  const shape = sizes(x);
  let dx = dy;
  const before = shape.map(() => 0);
  for (const [i, given] of axes.entries()) {
    const axis = positiveAxis(x, given);
    const start = starts[i] as number;
    dx = spread(dx, axis, steps[i] as number);
    before[axis] = Math.min(Math.max(start < 0 ? start + (shape[axis] as number) : start, 0), shape[axis] as number);
  }
  const after = shape.map((width, axis) => width - (before[axis] as number) - (dx.shape[axis] as number));
  return [pad(dx, [...before, ...after])];
};

/** Puts `step - 1` zeros after each element of an axis. */
function spread(x: Value, axis: number, step: number): Value {
  if (step === 1) return x;
  const apart = unsqueeze(x, [axis + 1]);
  const pads = Array<number>(2 * apart.shape.length)
    .fill(0)
    .with(apart.shape.length + axis + 1, step - 1);
  const shape = sizes(x);
  return reshape(pad(apart, pads), shape.with(axis, (shape[axis] as number) * step));
}

/** A negative pad cuts off. */
export const padRule: Rule = ({ dy, x: [, padsOperand, , axes], attributes }) => {
  const mode = attributes.mode ?? "constant";
  if (mode !== "constant" || axes)
    throw new ShapeError(`gradients: there is no rule for Pad with mode "${mode}" or axes`);
  return [
    pad(
      dy,
      constantNumbers(padsOperand).map((width) => -width),
    ),
  ];
};

/**
 * Every use of a row adds to its gradient.
 * For 154 tokens of CLIP's table of 49408 x 768, which is 152 MB of zeros, this takes a third of the time of the product
 * with one-hot tokens.
 */
export const gatherRule: Rule = ({ dy, x: [data, indices], attributes }) => {
  const axis = axisOf(data, attributes, 0);
  const shape = sizes(data);
  const [before, after] = [count(shape.slice(0, axis)), count(shape.slice(axis + 1))];
  const uses = count(sizes(indices));
  const table = filled(0, [before, shape[axis] as number, after]);
  const everywhere = expand(reshape(indices, [1, uses, 1]), [before, uses, after]);
  return [reshapeTo(scatterAdd(table, everywhere, reshape(dy, [before, uses, after]), 1), shape)];
};

/** Enlarging by repetition: each element collects the gradients of its copies, their mean times their number. */
export const resizeRule: Rule = ({ dy, y, x: [x], attributes }) => {
  const factors = sizes(y).map((width, axis) => width / (sizes(x)[axis] as number));
  const [batch, channels, ...kernel] = factors;
  const plain = batch === 1 && channels === 1 && factors.every(Number.isInteger);
  if (!plain || !repeatsEvenly(attributes, factors)) {
    throw new ShapeError(
      `gradients: there is no rule for Resize (${attributes.mode ?? "nearest"}) from ${describe(x)} to ${describe(y)}; ` +
        "nearest by whole factors has one",
    );
  }
  return [mul(averagePool(dy, { kernel, stride: kernel }), count(kernel))];
};

/** Whether every element is repeated as often as the others, in order. */
function repeatsEvenly(attributes: Attributes, factors: readonly number[]): boolean {
  const { mode = "nearest", coordinate_transformation_mode: coordinates = "half_pixel" } = attributes;
  const rounding = String(attributes.nearest_mode ?? "round_prefer_floor");
  if (mode !== "nearest") return false;
  if (coordinates !== "asymmetric") return String(coordinates).endsWith("half_pixel") && rounding.startsWith("round");
  return rounding === "floor" || (rounding === "round_prefer_floor" && factors.every((factor) => factor <= 2));
}
