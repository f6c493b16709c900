import { CheckpointError } from "../errors.js";
import { quote } from "./quote.js";

/** The network that a LoRA changes. */
export type LoraTarget = "unet" | "text_encoder";

/**
 * For each network that a LoRA may change, its modules that have a weight: `down_blocks.0.resnets.0.conv1`, …
 * Needed because kohya's names have underscores for dots, and `to_out_0` could as well be `to.out.0`.
 */
export type LoraModules = Readonly<Partial<Record<LoraTarget, Iterable<string>>>>;

/** What one tensor of a LoRA file is. */
export interface LoraName {
  readonly target: LoraTarget;
  readonly module: string;
  readonly part: "down" | "up" | "alpha";
}

/** Endings of the names, with the part each stands for where the ending does not say it itself. */
const endings: readonly { readonly pattern: RegExp; readonly part?: LoraName["part"] }[] = [
  { pattern: /\.lora_A(?:\.[^.]+)?\.weight$/, part: "down" }, // PEFT; the name of the adapter may stand between
  { pattern: /\.lora_B(?:\.[^.]+)?\.weight$/, part: "up" },
  { pattern: /\.lora_(down|up)\.weight$/ }, // kohya
  { pattern: /\.(?:lora|lora_linear_layer)\.(down|up)\.weight$/ }, // diffusers until 0.22
  { pattern: /_lora\.(down|up)\.weight$/ }, // diffusers until 0.17, attention processors
  { pattern: /(?:\.lora)?\.alpha$/, part: "alpha" },
];

const kohyaTargets: readonly (readonly [prefix: string, target: LoraTarget])[] = [
  ["lora_unet_", "unet"],
  ["lora_te_", "text_encoder"],
];
const dottedPrefix = /^(?:base_model\.model\.)?(?:(unet|text_encoder)\.)?(?:base_model\.model\.)?/;

/** Attention processors called the projections of both networks by the UNet's names, and left out the index of the last. */
const processorProjections: Readonly<Record<LoraTarget, ReadonlyMap<string, string>>> = {
  unet: new Map([["to_out", "to_out.0"]]),
  text_encoder: new Map([
    ["to_q", "q_proj"],
    ["to_k", "k_proj"],
    ["to_v", "v_proj"],
    ["to_out", "out_proj"],
  ]),
};

/**
 * A reader of tensor names in LoRA files of PEFT, diffusers (all versions) and kohya-ss/sd-scripts.
 * @returns a function that throws CheckpointError for a name of another kind, or of a module that the networks lack
 */
export function loraNameReader(modules: LoraModules): (name: string) => LoraName {
  const known: Readonly<Record<LoraTarget, ReadonlySet<string>>> = {
    unet: new Set(modules.unet),
    text_encoder: new Set(modules.text_encoder),
  };
  const flattened = { unet: flatten(known.unet), text_encoder: flatten(known.text_encoder) };

  return (name) => {
    const { stem, part, isProcessor } = splitEnding(name);
    for (const [prefix, target] of kohyaTargets) {
      if (!stem.startsWith(prefix)) continue;
      const [module, ...others] = flattened[target].get(stem.slice(prefix.length)) ?? [];
      if (module === undefined) throw unknownModule(name, target);
      if (others.length > 0) {
        throw new CheckpointError(
          `LoRA tensor ${quote(name)} could belong to ${module} or ${others[0]}; use PEFT names.`,
        );
      }
      return { target, module, part };
    }
    const prefix = dottedPrefix.exec(stem)!;
    const path = stem.slice(prefix[0].length);
    const targets = prefix[1] === undefined ? (["unet", "text_encoder"] as const) : [prefix[1] as LoraTarget];
    for (const target of targets) {
      const module = isProcessor ? fromProcessor(path, target) : path;
      if (known[target].has(module)) return { target, module, part };
    }
    throw unknownModule(name, targets[0]!);
  };
}

function splitEnding(name: string): { stem: string; part: LoraName["part"]; isProcessor: boolean } {
  for (const { pattern, part } of endings) {
    const match = pattern.exec(name);
    if (match === null) continue;
    const isProcessor = match[0].startsWith("_lora");
    return { stem: name.slice(0, match.index), part: part ?? (match[1] as "down" | "up"), isProcessor };
  }
  throw new CheckpointError(
    `${quote(name)} is no LoRA tensor that is known; names of PEFT, diffusers and kohya are read, of plain LoRA only (no DoRA, LoHa, LoKr).`,
  );
}

/** `….attn1.processor.to_q` to `….attn1.to_q`; the text encoder never had the middle part. */
function fromProcessor(path: string, target: LoraTarget): string {
  const cut = path.lastIndexOf(".");
  const attention = path.slice(0, Math.max(cut, 0)).replace(/\.processor$/, "");
  const projection = path.slice(cut + 1);
  return `${attention}.${processorProjections[target].get(projection) ?? projection}`;
}

function flatten(modules: ReadonlySet<string>): ReadonlyMap<string, readonly string[]> {
  const byFlatName = new Map<string, string[]>();
  for (const module of modules) {
    const flat = module.replaceAll(".", "_");
    byFlatName.set(flat, [...(byFlatName.get(flat) ?? []), module]);
  }
  return byFlatName;
}

function unknownModule(name: string, target: LoraTarget): CheckpointError {
  return new CheckpointError(
    `LoRA tensor ${quote(name)} belongs to a module that this ${target} does not have; take a LoRA made for Stable Diffusion 1.5, in the naming of diffusers or kohya.`,
  );
}
