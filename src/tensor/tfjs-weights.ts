import { open, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { CheckpointError } from "../errors.js";
import { f16ToF32 } from "./convert.js";
import { readExactly } from "./files.js";
import { elementCount, f32, type Tensor } from "./tensor.js";

/** A manifest names a few hundred weights in a hundred bytes each. */
const manifestLimitBytes = 2 ** 22;
/** More than any network that is kept in this format; a shape beyond it is damage. */
const elementLimit = 2 ** 28;
const elementBytes = { float32: 4, int32: 4, float16: 2, uint8: 1, uint16: 2 } as const;

const weightSchema = z.object({
  name: z.string().min(1).max(1000),
  shape: z.array(z.int().nonnegative().max(elementLimit)).max(8),
  dtype: z.enum(["float32", "int32"]),
  /** value = stored * scale + min; of halves there is neither. */
  quantization: z
    .union([
      z.object({ dtype: z.enum(["uint8", "uint16"]), scale: z.number(), min: z.number() }),
      z.object({ dtype: z.literal("float16") }),
    ])
    .optional(),
});
type Weight = z.output<typeof weightSchema>;

const groupsSchema = z.array(
  z.object({
    weights: z.array(weightSchema),
    /** Files that hold the group's weights one after another. They lie beside the manifest, and nowhere else. */
    paths: z.array(z.string().regex(/^(?!\.)[\w.-]{1,255}$/, "a shard is a plain file name")),
  }),
);

/** A manifest on its own, or that of a `model.json`, whose description of the network is not read. */
const manifestSchema = z.union([
  groupsSchema,
  z.object({ weightsManifest: groupsSchema }).transform((x) => x.weightsManifest),
]);

/** What a `…-weights_manifest.json` or a `model.json` says of the weights. */
export interface TfjsManifest {
  readonly path: string;
  readonly groups: z.output<typeof groupsSchema>;
}

/**
 * Reads the manifest of a TensorFlow.js network, without its weights.
 * Source: TensorFlow.js `WeightsManifestConfig`.
 * @throws CheckpointError if it is none, or names files outside its folder
 */
export async function readTfjsManifest(path: string): Promise<TfjsManifest> {
  const { size } = await stat(path);
  if (size > manifestLimitBytes) throw new CheckpointError(`${path}: ${size} bytes are more than any manifest has`);
  try {
    return { path, groups: manifestSchema.parse(JSON.parse(await readFile(path, "utf8"))) };
  } catch (cause) {
    if (!(cause instanceof z.ZodError || cause instanceof SyntaxError)) throw cause;
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : "it is not JSON";
    throw new CheckpointError(`${path} is no manifest of TensorFlow.js weights: ${reason}`, { cause });
  }
}

/** The files that a manifest names, each once. */
export function tfjsShards({ groups }: TfjsManifest): string[] {
  return [...new Set(groups.flatMap(({ paths }) => paths))];
}

/**
 * Reads all weights, 8 and 16-bit ones brought back to float32. Memory is that of what lies on the disk: the sizes are
 * compared before anything is read.
 * @returns by name, in the layout of TensorFlow (filters are [height, width, in, out])
 * @throws CheckpointError if a shard is missing or not as long as its weights, or a name occurs twice
 */
export async function readTfjsWeights({ path, groups }: TfjsManifest): Promise<Map<string, Tensor<"f32">>> {
  const tensors = new Map<string, Tensor<"f32">>();
  for (const { weights, paths } of groups) {
    const bytes = await readShards(
      paths.map((name) => join(dirname(path), name)),
      weights.reduce((sum, weight) => sum + storedBytes(weight), 0),
      path,
    );
    let offset = 0;
    for (const weight of weights) {
      if (tensors.has(weight.name)) throw new CheckpointError(`${path} names the weight "${weight.name}" twice`);
      tensors.set(weight.name, decode(weight, bytes, offset));
      offset += storedBytes(weight);
    }
  }
  return tensors;
}

function storedBytes({ shape, quantization, dtype }: Weight): number {
  return elementCount(shape) * elementBytes[quantization?.dtype ?? dtype];
}

async function readShards(paths: readonly string[], expected: number, manifest: string): Promise<Uint8Array> {
  const sizes = await Promise.all(
    paths.map(async (path) => {
      const info = await stat(path).catch(() => undefined);
      if (!info?.isFile()) throw new CheckpointError(`${manifest} needs ${path}, which is not there; fetch it again`);
      return info.size;
    }),
  );
  const found = sizes.reduce((sum, size) => sum + size, 0);
  if (found !== expected || !(found <= 4 * elementLimit)) {
    throw new CheckpointError(`${manifest}: its weights take ${expected} bytes, and its files have ${found}`);
  }
  const bytes = new Uint8Array(found);
  let offset = 0;
  for (const [i, path] of paths.entries()) {
    const file = await open(path);
    await readExactly(file, bytes.subarray(offset, offset + sizes[i]!), 0).finally(() => file.close());
    offset += sizes[i]!;
  }
  return bytes;
}

function decode({ shape, quantization, dtype }: Weight, bytes: Uint8Array, offset: number): Tensor<"f32"> {
  const count = elementCount(shape);
  const view = new DataView(bytes.buffer, offset);
  if (quantization?.dtype === "float16") {
    return f32(shape, f16ToF32(Uint16Array.from({ length: count }, (_, i) => view.getUint16(2 * i, true))));
  }
  const stored = {
    float32: (i: number) => view.getFloat32(4 * i, true),
    int32: (i: number) => view.getInt32(4 * i, true),
    uint8: (i: number) => view.getUint8(i),
    uint16: (i: number) => view.getUint16(2 * i, true),
  }[quantization?.dtype ?? dtype];
  const { scale, min } = quantization ?? { scale: 1, min: 0 };
  return f32(
    shape,
    Float32Array.from({ length: count }, (_, i) => stored(i) * scale + min),
  );
}
