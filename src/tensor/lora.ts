import { CheckpointError } from "../errors.js";
import { cast } from "./convert.js";
import { type LoraModules, type LoraName, type LoraTarget, loraNameReader } from "./lora-names.js";
import { quote } from "./quote.js";
import { readTensor, type SafetensorsFile } from "./safetensors.js";

/**
 * A low-rank change to one module's weight: `weight + scale · (alpha / rank) · up · down`.
 * Source: Hu 2021, "LoRA", §4.1. For convolutions the products are those of the matrices [out, rank] and [rank, in·kH·kW].
 */
export interface LoraPair {
  readonly target: LoraTarget;
  /** Path of the module, such as `down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q`. */
  readonly module: string;
  /** Name of the tensor [rank, in, …] in the file. */
  readonly down: string;
  /** Name of the tensor [out, rank, …] in the file. */
  readonly up: string;
  /** Absent if the file has none: then alpha is the rank, so that the product is taken as it is. */
  readonly alpha?: number;
}

/** Modules that have a weight, from the names of a network's tensors. */
export function weightModules(names: Iterable<string>): readonly string[] {
  const ending = ".weight";
  return [...names].filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length));
}

/**
 * Finds out what the tensors of a LoRA file belong to.
 * @throws CheckpointError for a tensor that is not part of a LoRA or of a module that the networks lack, for half a pair,
 * and for shapes that do not fit together
 */
export async function readLora(file: SafetensorsFile, modules: LoraModules): Promise<readonly LoraPair[]> {
  const readName = loraNameReader(modules);
  const found = new Map<string, { name: LoraName; parts: Map<LoraName["part"], string> }>();
  for (const tensorName of file.entries.keys()) {
    const name = readName(tensorName);
    const id = `${name.target} ${name.module}`;
    const group = found.get(id) ?? { name, parts: new Map() };
    if (group.parts.has(name.part)) {
      throw new CheckpointError(`${file.path}: ${quote(tensorName)} is the second ${name.part} tensor of ${id}.`);
    }
    group.parts.set(name.part, tensorName);
    found.set(id, group);
  }
  const pairs: LoraPair[] = [];
  const declared = declaredAlphas(file);
  for (const { name, parts } of found.values()) pairs.push(await makePair(file, name, parts, declared));
  return pairs;
}

async function makePair(
  file: SafetensorsFile,
  { target, module }: LoraName,
  parts: ReadonlyMap<LoraName["part"], string>,
  declared: (target: LoraTarget, module: string) => number | undefined,
): Promise<LoraPair> {
  const down = parts.get("down");
  const up = parts.get("up");
  if (down === undefined || up === undefined) {
    const missing = down === undefined ? "down" : "up";
    throw new CheckpointError(
      `${file.path}: the LoRA of ${target} ${module} has no ${missing} tensor; fetch it again.`,
    );
  }
  const downShape = file.entries.get(down)!.shape;
  const upShape = file.entries.get(up)!.shape;
  if (downShape.length < 2 || upShape.length !== downShape.length || downShape[0] !== upShape[1]) {
    throw new CheckpointError(
      `${file.path}: ${quote(down)} [${downShape}] and ${quote(up)} [${upShape}] have no common rank; expected [rank, in, …] and [out, rank, …].`,
    );
  }
  const alphaName = parts.get("alpha");
  const alpha = alphaName === undefined ? declared(target, module) : await readAlpha(file, alphaName);
  return { target, module, down, up, ...(alpha !== undefined && { alpha }) };
}

async function readAlpha(file: SafetensorsFile, name: string): Promise<number> {
  const { data } = cast(await readTensor(file, name), "f64");
  const [alpha] = data;
  if (data.length !== 1 || alpha === undefined || !Number.isFinite(alpha)) {
    throw new CheckpointError(`${file.path}: ${quote(name)} is not one finite number.`);
  }
  return alpha;
}

/**
 * What the file's metadata say of alpha. diffusers since 0.34 puts PEFT's configuration there as JSON, with keys such as
 * `unet.lora_alpha` and `unet.alpha_pattern`, the exceptions by the end of the module's path.
 */
function declaredAlphas(file: SafetensorsFile): (target: LoraTarget, module: string) => number | undefined {
  const settings = parseObject(file, file.metadata.lora_adapter_metadata ?? "{}");
  return (target, module) => {
    if (settings.get(`${target}.use_rslora`) === true) {
      throw new CheckpointError(
        `${file.path} is rank-stabilised (use_rslora), which is not supported; merge it in Python.`,
      );
    }
    const exceptions = Object.entries(settings.get(`${target}.alpha_pattern`) ?? {});
    const exception = exceptions.find(([ending]) => `.${module}`.endsWith(`.${ending}`));
    const alpha = exception?.[1] ?? settings.get(`${target}.lora_alpha`);
    if (alpha !== undefined && typeof alpha !== "number") {
      throw new CheckpointError(`${file.path}: the alpha of ${target} ${module} in its metadata is not a number.`);
    }
    return alpha;
  };
}

function parseObject(file: SafetensorsFile, text: string): ReadonlyMap<string, unknown> {
  try {
    return new Map(Object.entries(JSON.parse(text)));
  } catch (cause) {
    throw new CheckpointError(`${file.path}: the metadata lora_adapter_metadata is not a JSON object.`, { cause });
  }
}
