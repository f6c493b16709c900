import type { RunResult } from "../train/loop.js";
import type { TrainOptions } from "../train/methods.js";
import { flag, optional, repeated, required, withDefault } from "./command.js";
import { type Context, printJson } from "./context.js";
import { Progress } from "./progress.js";
import { devices, oneOf, text, wholeNumber } from "./read-options.js";
import { version } from "./version.js";

/** Options of all `train` commands. */
export const trainOptions = {
  config: required("--config <file>", "recipe (JSON); see docs/training.md and recipes/", text),
  data: repeated("--data <folder>", "dataset, made by arc2face dataset prepare; several are read as one", text),
  out: required("--out <folder>", "folder of the run: log, plot, samples, checkpoints, model", text),
  resume: flag("--resume", "go on with the run in the folder, from its newest checkpoint"),
  device: withDefault("--device <name>", `one of ${devices.join(", ")}`, oneOf(devices), "auto"),
  threads: optional("--threads <n>", "threads on the CPU; default all cores", wholeNumber(1)),
  json: flag("--json", "print {step, steps, model?}"),
};

/** Which projection a diffusion model is trained with. */
export const projection = withDefault(
  "--projection <kind>",
  "encoder, or the recipe's mlp (paper, section 4.4)",
  oneOf(["encoder", "mlp"] as const),
  "encoder",
);

type Given = Pick<TrainOptions, "data" | "out" | "resume" | "device" | "threads"> & { readonly json: boolean };

/**
 * Runs a training with its progress shown, and reports how it ended.
 * @throws the reason of the interruption, after the checkpoint was saved
 */
export async function runWithProgress(
  { json, ...options }: Given,
  context: Context,
  train: (options: TrainOptions) => Promise<RunResult>,
): Promise<void> {
  const { signal, stderr } = context;
  const progress = new Progress(context);
  const onProgress: TrainOptions["onProgress"] = ({ step, steps, loss, gradientNorm, imagesPerSecond }) => {
    const note = `${imagesPerSecond.toFixed(1)} images/s, loss ${loss.toFixed(4)}, gradient ${gradientNorm.toPrecision(3)}`;
    progress.update({ label: "training", done: step, total: steps, unit: "steps", note });
  };
  const onMessage = (message: string) => stderr.write(`${message}\n`);
  const result = await train({ ...options, version, signal, onProgress, onMessage }).finally(() => progress.stop());
  if (json) printJson(context, result);
  else if (result.model) context.stdout(`${result.model}\n`);
  if (result.model) return;
  stderr.write(`saved after step ${result.step} of ${result.steps}; the same command with --resume goes on\n`);
  signal.throwIfAborted();
}
