import type { IdentityOptions, SkippedInput } from "../evaluation/identity.js";
import { listInputs } from "../evaluation/inputs.js";
import { type LoadedJudges, loadJudges } from "../evaluation/load-judges.js";
import type { CropTemplate } from "../face/embed.js";
import { Arc2Face } from "../pipeline/arc2face.js";
import type { LoraOptions } from "../pipeline/loras.js";
import { recogniserSource } from "../pipeline/recogniser-source.js";
import type { GenerateRequest } from "../pipeline/request.js";
import type { Device } from "../runtime/devices.js";
import { optional, required, withDefault } from "./command.js";
import type { Context } from "./context.js";
import { alignedOption, detectorOptions, showLicences } from "./face-options.js";
import { imageOptions } from "./generate-options.js";
import { Progress } from "./progress.js";
import { text, wholeNumber } from "./read-options.js";

const { model, sampler, steps, guidanceScale, loras, recogniser, batchSize } = imageOptions;

/** What the evaluations of a generator have in common. */
export const evaluationOptions = {
  inputs: required(
    "--inputs <folder>",
    "photos of people; or a folder for each of them, whose first photo counts",
    text,
  ),
  limit: optional("--limit <people>", "most people, taken evenly from all (default: all)", wholeNumber(1)),
  aligned: alignedOption,
  model,
  seed: withDefault(
    "--seed <number>",
    "of each person's first image, to 2^32 - 1; the next ones have one more each",
    wholeNumber(0, 2 ** 32 - 1),
    0,
  ),
  sampler,
  steps,
  guidanceScale,
  loras,
  batchSize,
  recogniser,
  ...detectorOptions,
};

interface EvaluationArguments extends Pick<GenerateRequest, "sampler" | "steps" | "guidanceScale" | "batchSize"> {
  readonly inputs: string;
  readonly limit: number | undefined;
  readonly aligned: CropTemplate | undefined;
  readonly model: string;
  readonly seed: number;
  readonly loras: readonly LoraOptions[];
  readonly recogniser: string | undefined;
  readonly detector: string | undefined;
  readonly device: Device;
  readonly threads: number | undefined;
  readonly out: string;
}

/** A model with the networks that judge its images, and what is asked of it. */
export type EvaluationJob = Omit<IdentityOptions, "onProgress"> & { readonly judges: LoadedJudges };

/**
 * Loads a model and the networks that judge its images, does the work, and frees them.
 * @param count images of each person
 * @param work gives the inputs that were left out
 * @throws InputError, CheckpointError, DownloadError or DeviceError if the model or a network cannot be had
 */
export async function runEvaluation(
  options: EvaluationArguments,
  count: number,
  context: Context,
  work: (job: EvaluationJob, progress: Progress) => Promise<readonly SkippedInput[]>,
): Promise<void> {
  const { inputs: folder, limit, aligned, model: source, detector, device, threads, out } = options;
  const { seed, sampler, steps, guidanceScale, batchSize } = options;
  const { signal, stderr } = context;
  const inputs = await listInputs(folder, limit);
  const progress = new Progress(context);
  const loading = { device, threads, signal, onDownload: progress.showDownload };
  let [loaded, judges]: [Arc2Face?, LoadedJudges?] = [];
  try {
    stderr.write(`loading ${source}\n`);
    loaded = await Arc2Face.load(source, { ...loading, loras: options.loras });
    const chosen = options.recogniser ?? recogniserSource(loaded.recogniser);
    judges = await loadJudges({ ...loading, detector, recogniser: chosen });
    showLicences(judges.files, context);
    const request = { count, seed, sampler, steps, guidanceScale, batchSize };
    const skipped = await work({ inputs, model: loaded, judges, request, aligned, out, signal }, progress);
    for (const { name, reason } of skipped) stderr.write(`left out: ${name}: ${reason}\n`);
  } finally {
    progress.stop();
    // Releasing waits for the step that is being computed, which whoever pressed Ctrl-C does not want.
    if (!signal.aborted) await Promise.all([loaded?.release(), judges?.release()]);
  }
}
