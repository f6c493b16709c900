import { exportOnnx } from "../../src/graph/export.js";
import { gradients } from "../../src/graph/gradients/index.js";
import { mul, reduceSum } from "../../src/graph/operators/index.js";
import { constant, input, type Value } from "../../src/graph/value.js";
import { Session } from "../../src/runtime/session.js";
import { TorchGenerator } from "../../src/tensor/random.js";
import { elementCount, f32, type Shape, type Tensor } from "../../src/tensor/tensor.js";
import { relativeError } from "../support/close.js";

/** A function whose gradients are checked: the shapes of its operands, and how it builds its result from them. */
export interface Case {
  readonly shapes: readonly Shape[];
  readonly f: (...operands: Value[]) => Value;
  /** From evenly spaced values in [-1.5, 1.5] to the values of the operands; default: as they are. */
  readonly sample?: (x: number, operand: number) => number;
}

/** Half the distance of the inner points. Kinks lie farther than twice this from all values but a few of 200. */
const step = 4e-3;

/**
 * Relative errors of the gradients of sum(f * r), r random, by every operand of every case, against central differences
 * of the fourth order. All cases run side by side in one session, each element moved in turn; the sums are in float64.
 */
export async function gradientErrors(cases: Readonly<Record<string, Case>>): Promise<Map<string, number[]>> {
  const generator = new TorchGenerator(17);
  const problems = Object.entries(cases).map(([name, { shapes, f, sample = (x: number) => x }]) => {
    const values = shapes.map((shape, i) => {
      const even = shuffled(elementCount(shape), generator).map(
        (place) => (3 * (place + 0.5)) / elementCount(shape) - 1.5,
      );
      return f32(
        shape,
        even.map((x) => sample(x, i)),
      );
    });
    const operands = shapes.map((shape, i) => input(`${name}/${i}`, "f32", shape));
    const y = f(...operands);
    const weights = generator.randn(y.shape as number[]);
    const grads = gradients(reduceSum(mul(y, constant(weights))), operands);
    return { name, values, operands, y, weights, grads };
  });
  const inputs = problems.flatMap(({ operands }) => operands);
  const feeds = Object.fromEntries(problems.flatMap((p) => p.values.map((value, i) => [`${p.name}/${i}`, value])));
  const gradientOf = (name: string, operand: number) => `${name}/${operand}/gradient`;

  const exact = await run(
    inputs,
    Object.fromEntries(problems.flatMap((p) => p.grads.map((grad, i) => [gradientOf(p.name, i), grad]))),
    async (session) => session.run(feeds),
  );
  const expected = await run(
    inputs,
    Object.fromEntries(problems.map(({ name, y }) => [`${name}/y`, y])),
    async (session) => {
      const estimates = problems.map(({ values }) =>
        values.map(({ shape }) => f32(shape, new Float32Array(elementCount(shape)))),
      );
      const places = problems.map(({ values }) =>
        values.flatMap(({ data }, operand) => [...data.keys()].map((i) => ({ operand, i }))),
      );
      for (let turn = 0; turn < Math.max(...places.map((list) => list.length)); turn++) {
        for (const [offset, factor] of [
          [-2, 1],
          [-1, -8],
          [1, 8],
          [2, -1],
        ] as const) {
          const moved = { ...feeds };
          for (const [p, { name, values }] of problems.entries()) {
            const place = places[p]?.[turn];
            if (!place) continue;
            const data = Float32Array.from(values[place.operand]!.data as Float32Array);
            data[place.i]! += offset * step;
            moved[`${name}/${place.operand}`] = { ...values[place.operand]!, data };
          }
          const results = await session.run(moved);
          for (const [p, { name, weights }] of problems.entries()) {
            const place = places[p]?.[turn];
            if (!place) continue;
            estimates[p]![place.operand]!.data[place.i]! +=
              (factor * dot(results[`${name}/y`]!, weights)) / (12 * step);
          }
        }
      }
      return estimates;
    },
  );
  return new Map(
    problems.map(({ name, grads }, p) => [
      name,
      grads.map((_, i) => relativeError(exact[gradientOf(name, i)]!, expected[p]![i]!)),
    ]),
  );
}

async function run<T>(
  inputs: Value[],
  outputs: Record<string, Value>,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await Session.load(exportOnnx({ inputs, outputs }), { threads: 1 });
  try {
    return await use(session);
  } finally {
    await session.release();
  }
}

/** 0 to n - 1 in random order. */
function shuffled(n: number, generator: TorchGenerator): number[] {
  const keys = generator.rand([n]).data;
  return [...Array(n).keys()].sort((a, b) => keys[a]! - keys[b]!);
}

function dot(a: Tensor, b: Tensor): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += Number(a.data[i]) * Number(b.data[i]);
  return sum;
}
