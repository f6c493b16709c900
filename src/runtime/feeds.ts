import { InputError, ShapeError } from "../errors.js";
import type { Shape, Tensor } from "../tensor/tensor.js";
import type { NamedTensors, ValueInfo } from "./protocol.js";

/**
 * Checks that the tensors are what the graph's inputs ask for, before anything is copied.
 * @param held names of inputs that come from elsewhere
 * @throws InputError if one is missing, unknown, or of another dtype; ShapeError if its shape does not fit
 */
export function checkFeeds(
  inputs: readonly ValueInfo[],
  feeds: NamedTensors,
  held: readonly string[],
  { partial = false } = {},
): void {
  const known = new Map(inputs.map((input) => [input.name, input]));
  for (const [name, tensor] of Object.entries(feeds)) {
    const input = known.get(name);
    if (!input) throw new InputError(`The graph has no input "${name}". Its inputs: ${[...known.keys()].join(", ")}.`);
    if (held.includes(name)) throw new InputError(`Input "${name}" is held in the state: do not feed it.`);
    if (tensor.dtype !== input.dtype) {
      throw new InputError(`Input "${name}" is ${input.dtype}, and was given ${tensor.dtype}.`);
    }
    if (!fits(tensor.shape, input.shape)) {
      throw new ShapeError(`Input "${name}" has shape ${show(input.shape)}, and was given ${show(tensor.shape)}.`);
    }
  }
  const missing = inputs.find(({ name }) => !(name in feeds) && !held.includes(name));
  if (missing && !partial) throw new InputError(`Input "${missing.name}" ${show(missing.shape)} is missing.`);
}

/**
 * Checks that carried outputs are of the kind of the inputs they become.
 * @throws InputError or ShapeError, with the names
 */
export function checkCarry(
  inputs: readonly ValueInfo[],
  outputs: readonly ValueInfo[],
  carry: Readonly<Record<string, string>>,
  held: readonly string[],
): void {
  for (const [outputName, inputName] of Object.entries(carry)) {
    const output = outputs.find(({ name }) => name === outputName);
    const input = inputs.find(({ name }) => name === inputName);
    if (!output) throw new InputError(`carry: the graph has no output "${outputName}".`);
    if (!input || !held.includes(inputName)) throw new InputError(`carry: the state holds no input "${inputName}".`);
    const sameShape = show(output.shape) === show(input.shape);
    if (output.dtype !== input.dtype || !sameShape) {
      throw new ShapeError(
        `carry: output "${outputName}" (${output.dtype} ${show(output.shape)}) cannot become input ` +
          `"${inputName}" (${input.dtype} ${show(input.shape)}).`,
      );
    }
  }
}

/**
 * The outputs that a run returns.
 * @throws InputError if one is unknown or carried, or the condition is not a single bool
 */
export function chooseOutputs(
  outputs: readonly ValueInfo[],
  carry: Readonly<Record<string, string>>,
  { outputs: asked, carryIf }: { outputs?: readonly string[]; carryIf?: string },
): string[] {
  const free = outputs.filter(({ name }) => !(name in carry));
  const find = (name: string) => {
    const found = free.find((output) => output.name === name);
    if (found) return found;
    throw new InputError(`The graph has no output "${name}" to return. It has: ${free.map((o) => o.name).join(", ")}.`);
  };
  const names = new Set((asked?.map(find) ?? free).map(({ name }) => name));
  if (carryIf !== undefined) {
    const { dtype, shape } = find(carryIf);
    if (dtype !== "bool" || shape.length > 0) {
      throw new InputError(
        `carryIf: output "${carryIf}" is ${dtype} ${show(shape)}; it must be one bool, of shape [].`,
      );
    }
    names.add(carryIf);
  }
  return [...names];
}

/** Copies whose memory can be given to a worker. A view's copy holds its elements only, and none is in shared memory. */
export function copyTensors(tensors: NamedTensors): NamedTensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() } as Tensor]),
  );
}

function fits(shape: Shape, expected: ValueInfo["shape"]): boolean {
  return (
    shape.length === expected.length &&
    shape.every((size, i) => typeof expected[i] === "string" || size === expected[i])
  );
}

function show(shape: ValueInfo["shape"]): string {
  return `[${shape.join(", ")}]`;
}
