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

/** So many elements of each operand are moved, chosen at random, where it has more. */
const moved = 120;

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
  const places = problems.map(({ values }) =>
    values.flatMap(({ data }, operand) =>
      shuffled(data.length, generator)
        .slice(0, moved)
        .map((i) => ({ operand, i })),
    ),
  );
  const expected = await run(
    inputs,
    Object.fromEntries(problems.map(({ name, y }) => [`${name}/y`, y])),
    async (session) => {
      const slopes = places.map((list) => list.map(() => 0));
      for (let turn = 0; turn < Math.max(...places.map((list) => list.length)); turn++) {
        const active = problems.flatMap((problem, p) => {
          const place = places[p]?.[turn];
          return place ? [{ ...problem, place, slope: slopes[p] as number[] }] : [];
        });
        for (const [offset, factor] of stencil) {
          const results = await session.run({
            ...feeds,
            ...Object.fromEntries(active.map((one) => nudge(one, offset * step))),
          });
          for (const { name, weights, slope } of active) {
            slope[turn]! += (factor * dot(results[`${name}/y`]!, weights)) / step;
          }
        }
      }
      return slopes;
    },
  );
  return new Map(
    problems.map(({ name, operands }, p) => {
      const errors = operands.map((_, operand) => {
        const turns = places[p]!.flatMap((place, turn) => (place.operand === operand ? [turn] : []));
        const grad = exact[gradientOf(name, operand)]!;
        const found = turns.map((turn) => Number(grad.data[places[p]![turn]!.i]));
        return relativeError(
          f32([turns.length], found),
          f32(
            [turns.length],
            turns.map((turn) => expected[p]![turn]!),
          ),
        );
      });
      return [name, errors];
    }),
  );
}

/** Offsets in steps, and factors, of the central difference of fourth order. */
const stencil = [
  [-2, 1 / 12],
  [-1, -2 / 3],
  [1, 2 / 3],
  [2, -1 / 12],
] as const;

/** The feed that moves one element of one operand. */
function nudge(
  { name, values, place }: { name: string; values: Tensor[]; place: { operand: number; i: number } },
  by: number,
): [string, Tensor] {
  const value = values[place.operand]!;
  const data = Float32Array.from(value.data as Float32Array);
  data[place.i]! += by;
  return [`${name}/${place.operand}`, { ...value, data }];
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
