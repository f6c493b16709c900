import { copyFile, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ConsistencyOptions } from "../diffusion/lcm.js";
import type { NoiseScheduleConfig } from "../diffusion/schedule.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import { cast } from "../tensor/convert.js";
import { type LazyTensor, readTensor, type SafetensorsFile, writeSafetensors } from "../tensor/safetensors.js";
import type { Shape } from "../tensor/tensor.js";
import type { ReadWeight } from "./task.js";
import type { TrainedParameter } from "./weights.js";

/** How weights are stored; computed with they are float32 all the same. */
export type ExportDType = "f32" | "f16";

/** A network as it goes into a model folder. */
export interface ExportedNetwork {
  /** Prefix of its trained parameters; absent: nothing of it is trained. */
  readonly name?: string;
  readonly folder: string;
  /** Name of the weights' file. */
  readonly file: string;
  readonly config: unknown;
  /** Where the weights that are not trained are. */
  readonly weights?: SafetensorsFile | undefined;
}

export interface ModelContents {
  readonly networks: readonly ExportedNetwork[];
  readonly parameters: readonly TrainedParameter[];
  readonly read: ReadWeight;
  readonly dtype: ExportDType;
  /** Factor of low-rank updates, which their file has inside of the second factor. */
  readonly loraScale?: number | undefined;
  /** `scheduler/scheduler_config.json` */
  readonly noise?: NoiseScheduleConfig;
  /** Added to it where the model is one for the lcm sampler. */
  readonly consistency?: ConsistencyOptions;
  /** `arc2face.json` */
  readonly manifest?: unknown;
}

/** Name of the file of low-rank updates, as diffusers has it. */
const loraFile = "pytorch_lora_weights.safetensors";
const isLora = ({ path }: TrainedParameter) => /\.lora_[AB]\.weight$/.test(path);

/** Writes a model folder in the official layout, whole or not at all. */
export async function exportModel(folder: string, contents: ModelContents): Promise<void> {
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  for (const network of contents.networks) await exportNetwork(partial, network, contents);
  const lora = contents.parameters.filter(isLora);
  if (lora.length > 0)
    await writeSafetensors(
      join(partial, loraFile),
      lora.map((parameter) => trained(parameter, loraKey(parameter.path), contents)),
    );
  if (contents.noise)
    await writeJson(
      join(partial, "scheduler", "scheduler_config.json"),
      schedulerJson(contents.noise, contents.consistency),
    );
  if (contents.manifest) await writeJson(join(partial, "arc2face.json"), contents.manifest);
  await rm(folder, { recursive: true, force: true });
  await rename(partial, folder);
}

async function exportNetwork(root: string, network: ExportedNetwork, contents: ModelContents): Promise<void> {
  const { name, weights } = network;
  const path = join(root, network.folder, network.file);
  await writeJson(join(root, network.folder, "config.json"), network.config);
  const prefix = `${name}.`;
  const changed = contents.parameters.filter((parameter) => parameter.path.startsWith(prefix) && !isLora(parameter));
  if (changed.length === 0 && weights) return copyFile(weights.path, path);
  const paths = new Set(changed.map((parameter) => parameter.path.slice(prefix.length)));
  const kept = [...(weights?.entries ?? [])].filter(([key]) => !paths.has(key));
  await writeSafetensors(
    path,
    [
      ...changed.map((parameter) => trained(parameter, parameter.path.slice(prefix.length), contents)),
      ...kept.map(([key, { dtype, shape }]): [string, LazyTensor] => [
        key,
        { dtype, shape, read: () => readTensor(weights as SafetensorsFile, key) },
      ]),
    ],
    { metadata: { format: "pt" } },
  );
}

function trained({ path, value }: TrainedParameter, key: string, contents: ModelContents): [string, LazyTensor] {
  const { read, dtype, loraScale = 1 } = contents;
  const scale = path.endsWith(".lora_B.weight") ? loraScale : 1;
  const scaled = async () => {
    const tensor = await read(path);
    return cast({ ...tensor, data: scale === 1 ? tensor.data : tensor.data.map((x) => x * scale) }, dtype);
  };
  return [key, { dtype, shape: value.shape as Shape, read: scaled }];
}

/** PEFT's names, which say `text_encoder` for the face encoder and leave out `text_model.`. */
function loraKey(path: string): string {
  return path.replace(/^encoder\.(?:text_model\.)?/, "text_encoder.text_model.");
}

function schedulerJson(noise: NoiseScheduleConfig, consistency: ConsistencyOptions | undefined) {
  return {
    _class_name: consistency ? "LCMScheduler" : "DPMSolverMultistepScheduler",
    num_train_timesteps: noise.trainSteps,
    beta_schedule: noise.betaSchedule,
    beta_start: noise.betaStart,
    beta_end: noise.betaEnd,
    ...(noise.trainedBetas && { trained_betas: noise.trainedBetas }),
    prediction_type: noise.predictionType,
    rescale_betas_zero_snr: noise.zeroTerminalSnr,
    steps_offset: 1,
    set_alpha_to_one: false,
    clip_sample: false,
    ...(consistency && {
      original_inference_steps: consistency.originalSteps,
      timestep_scaling: consistency.timestepScaling,
    }),
  };
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}
