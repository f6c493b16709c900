import { CheckpointError } from "../errors.js";
import { type DType, dtypes } from "./dtype.js";
import { PickleGlobal, PickleTuple, readPickle } from "./pickle.js";
import { quote } from "./quote.js";
import { elementCount, type Shape } from "./tensor.js";

/** A run of elements that tensors are views of; the file named by its key holds them. */
export class TorchStorage {
  constructor(
    readonly key: string,
    readonly dtype: DType,
    readonly length: number,
  ) {}
}

/** A strided view of a storage. Offset and strides count elements. */
export class TorchView {
  constructor(
    readonly storage: TorchStorage,
    readonly offset: number,
    readonly shape: Shape,
    readonly strides: readonly number[],
  ) {}
}

const storageDTypes: ReadonlyMap<string, DType> = new Map([
  ["torch.FloatStorage", "f32"],
  ["torch.HalfStorage", "f16"],
  ["torch.BFloat16Storage", "bf16"],
  ["torch.DoubleStorage", "f64"],
  ["torch.LongStorage", "i64"],
  ["torch.IntStorage", "i32"],
  ["torch.CharStorage", "i8"],
  ["torch.ByteStorage", "u8"],
  ["torch.BoolStorage", "bool"],
]);

/** torch has no limit; NumPy's is 64. Safetensors files are held to it too. */
const rankLimit = 64;

/** The only names that a checkpoint may refer to. None of these does more than arrange data that was already read. */
const globals: ReadonlyMap<string, PickleGlobal> = new Map(
  [
    ...[...storageDTypes.keys()].map((name) => new PickleGlobal(name)),
    new PickleGlobal("torch._utils._rebuild_tensor_v2", ([storage, offset, shape, strides]) =>
      makeView(storage, offset, shape, strides),
    ),
    new PickleGlobal("torch._utils._rebuild_parameter", ([data]) => {
      if (!(data instanceof TorchView)) throw damaged("a parameter without a tensor");
      return data;
    }),
    new PickleGlobal("torch.Size", ([sizes]) => sizes),
    new PickleGlobal("collections.OrderedDict", ([pairs]) => new Map((itemsOf(pairs) ?? []).map(makePair))),
    // Python 2's name of the module, which protocol 2 keeps.
    new PickleGlobal("__builtin__.set", ([items]) => new Set(itemsOf(items))),
    new PickleGlobal("builtins.set", ([items]) => new Set(itemsOf(items))),
  ].map((global) => [global.name, global]),
);

/**
 * Reads the pickle of a torch checkpoint; its tensors become {@link TorchView}. Nothing is executed.
 * @throws CheckpointError if it names anything but tensors and plain containers, or is damaged
 */
export function readTorchPickle(bytes: Uint8Array): unknown {
  return readPickle(bytes, { resolveGlobal, resolvePersistentId });
}

function resolveGlobal(name: string): PickleGlobal {
  const global = globals.get(name);
  if (global !== undefined) return global;
  const shown = quote(name).slice(1, -1);
  throw new CheckpointError(
    `The checkpoint refers to \`${shown}\`; only tensors are read, in ${dtypes.join(", ")}, and nothing is executed. Get the weights as safetensors, or have someone who trusts the file load it in Python and save its state_dict alone.`,
  );
}

function resolvePersistentId(id: unknown): TorchStorage {
  const [kind, type, key, , length] = id instanceof PickleTuple ? id.items : [];
  const dtype = type instanceof PickleGlobal ? storageDTypes.get(type.name) : undefined;
  if (kind !== "storage" || dtype === undefined || typeof key !== "string" || !isCount(length)) {
    throw damaged("a storage that is not described by type, key, place and length");
  }
  return new TorchStorage(key, dtype, length);
}

function makeView(storage: unknown, offset: unknown, shape: unknown, strides: unknown): TorchView {
  const sizes = itemsOf(shape);
  const steps = itemsOf(strides);
  if (!(storage instanceof TorchStorage) || !isCount(offset) || !sizes?.every(isCount) || !steps?.every(isCount)) {
    throw damaged("a tensor that is not described by storage, offset, shape and strides");
  }
  if (sizes.length !== steps.length || sizes.length > rankLimit)
    throw damaged(`a tensor of ${sizes.length} dimensions`);
  const count = elementCount(sizes);
  const last = sizes.reduce((sum, size, i) => sum + (size - 1) * steps[i]!, offset);
  if (!isCount(count) || (count > 0 && !(last < storage.length))) {
    throw damaged(`a tensor of shape [${sizes}] and strides [${steps}] that reaches beyond its storage`);
  }
  return new TorchView(storage, offset, sizes, steps);
}

function makePair(pair: unknown): [unknown, unknown] {
  const items = itemsOf(pair);
  if (items?.length !== 2) throw damaged("an OrderedDict whose items are no pairs");
  return [items[0], items[1]];
}

function itemsOf(value: unknown): readonly unknown[] | undefined {
  return value instanceof PickleTuple ? value.items : Array.isArray(value) ? value : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function damaged(what: string): CheckpointError {
  return new CheckpointError(`The checkpoint has ${what}; it is damaged.`);
}
