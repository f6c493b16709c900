import { elementCount } from "../tensor/tensor.js";
import { constantNumbers, intAttribute } from "./operators/inference.js";
import { type Attributes, constant, ints, type Value } from "./value.js";

/**
 * Evaluates the integer arithmetic with which exporters compute shapes (Shape -> Gather -> Concat -> Reshape), so that
 * shape inference sees numbers. Returns undefined for everything else: ONNX Runtime folds the rest.
 */
export function foldIntegers(
  type: string,
  operands: readonly (Value | undefined)[],
  attributes: Attributes,
): Value | undefined {
  const [first] = operands;
  if (!first) return undefined;
  if (type === "Shape") {
    const sizes = first.shape.filter((dim) => typeof dim === "number");
    return sizes.length === first.shape.length ? ints(sizes) : undefined;
  }
  if (!operands.every((value) => value === undefined || isSmallInteger(value))) return undefined;
  const numbers = operands.map((value) => (value ? constantNumbers(value) : []));
  const [a = [], b = []] = numbers;
  switch (type) {
    case "Gather": {
      const picked = b.map((index) => a.at(index) ?? Number.NaN);
      return picked.some(Number.isNaN) ? undefined : integers(picked, operands[1]?.shape.length === 0);
    }
    case "Concat":
      return ints(numbers.flat());
    case "Unsqueeze":
      return a.length === 1 ? ints(a) : undefined;
    case "Squeeze":
      return a.length === 1 ? integers(a, true) : undefined;
    case "Slice": {
      const [, starts = [], ends = [], , steps = [1]] = numbers;
      return steps.every((step) => step === 1) ? ints(a.slice(starts[0], ends[0])) : undefined;
    }
    case "Cast":
      return attributes.to === "i64" ? integers(a, first.shape.length === 0) : undefined;
    case "Add":
      return elementwise(operands, a, b, (x, y) => x + y);
    case "Sub":
      return elementwise(operands, a, b, (x, y) => x - y);
    case "Mul":
      return elementwise(operands, a, b, (x, y) => x * y);
    case "Div":
      return elementwise(operands, a, b, (x, y) => Math.trunc(x / y));
    case "ReduceProd": {
      const product = a.reduce((x, y) => x * y, 1);
      if (!Number.isSafeInteger(product)) return undefined;
      return integers([product], intAttribute(attributes, "keepdims", 1) === 0);
    }
    default:
      return undefined;
  }
}

/** Vectors and scalars of integers; bounded, so that no file can make folding slow. */
function isSmallInteger({ dtype, shape, origin }: Value): boolean {
  return (
    origin.kind === "constant" &&
    (dtype === "i64" || dtype === "i32") &&
    shape.length <= 1 &&
    elementCount(origin.tensor.shape) <= 64
  );
}

function integers(values: readonly number[], scalar: boolean): Value {
  return constant({ dtype: "i64", shape: scalar ? [] : [values.length], data: BigInt64Array.from(values, BigInt) });
}

function elementwise(
  operands: readonly (Value | undefined)[],
  a: readonly number[],
  b: readonly number[],
  f: (x: number, y: number) => number,
): Value | undefined {
  const length = Math.max(a.length, b.length);
  if ((a.length !== length && a.length !== 1) || (b.length !== length && b.length !== 1)) return undefined;
  const values = Array.from({ length }, (_, i) => f(a[i % a.length] as number, b[i % b.length] as number));
  if (!values.every(Number.isSafeInteger)) return undefined;
  return integers(
    values,
    operands.every((value) => value?.shape.length === 0),
  );
}
