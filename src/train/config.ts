import { readFile } from "node:fs/promises";
import { z } from "zod";
import { predictionTypes } from "../diffusion/schedule.js";
import { CheckpointError, InputError } from "../errors.js";
import { parseAutoencoder } from "../models/autoencoder.js";
import { parseProjectionConfig } from "../models/projection.js";
import { parseUNetConfig } from "../models/unet-config.js";

const count = z.int().positive();
const share = z.number().min(0).max(1);
const rate = z.number().nonnegative();

/** A network's `config.json`, written into the recipe. */
const network = <T>(parse: (json: unknown, where: string) => T) =>
  z.unknown().transform((json, context): T => {
    try {
      return parse(json, "network");
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });

const tokens = z.array(z.int().nonnegative()).min(1);

/** Sample sheets. How they are made is what the finished model does by default. */
const samples = (steps: number, guidanceScale: number) =>
  z
    .strictObject({
      every: count.default(1000),
      count: count.max(64).default(16),
      steps: count.default(steps),
      guidanceScale: rate.default(guidanceScale),
    })
    .prefault({});

/** What every run has. */
const common = {
  /** Free text. */
  description: z.string().optional(),
  /** Decides weights, order of the data, and noise. */
  seed: z.int().nonnegative().default(0),
  /** Length of the run: updates, or passes over the data. Exactly one is given. */
  steps: count.optional(),
  epochs: z.number().positive().optional(),
  batchSize: count,
  /** Batches whose gradients are averaged for an update. */
  accumulate: count.default(1),
  /** Side of the images; the dataset must have it. */
  sizePx: z.int().min(8).max(2048),
  /** Train on this share of the dataset only: rows at even distances. */
  dataShare: z.number().positive().max(1).default(1),
  /** Mirror every second image at random. */
  mirror: z.boolean().default(false),
  learningRate: z.strictObject({
    peak: z.number().positive(),
    shape: z.enum(["constant", "cosine"]).default("constant"),
    warmupSteps: z.int().nonnegative().default(0),
    final: rate.default(0),
  }),
  optimizer: z
    .strictObject({
      betas: z.tuple([share, share]).default([0.9, 0.999]),
      epsilon: z.number().positive().default(1e-8),
      weightDecay: rate.default(0.01),
      clipNorm: z.number().positive().optional(),
    })
    .prefault({}),
  /** Moving average of the weights; it is what is sampled and exported. null: none. */
  ema: z
    .strictObject({
      decay: share.default(0.9999),
      inverseGamma: z.number().positive().default(1),
      power: z
        .number()
        .positive()
        .default(2 / 3),
    })
    .nullable()
    .prefault({}),
  /** Compute blocks of the network again on the way back, instead of keeping their activations. */
  recompute: z.boolean().default(false),
  /**
   * Large networks take a step stage by stage, with weights and moments outside of the session. Absent: `never` for small
   * networks, `disk` for large ones.
   */
  offload: z.enum(["never", "memory", "disk"]).optional(),
  parameters: z
    .array(
      z.strictObject({
        match: z.string(),
        freeze: z.boolean().optional(),
        rateScale: rate.optional(),
        weightDecay: rate.optional(),
      }),
    )
    .default([]),
  /** How the weights of the finished model are stored. */
  exportDType: z.enum(["f32", "f16"]).default("f32"),
  checkpoints: z
    .strictObject({
      every: count.default(1000),
      keep: count.default(3),
      /** Write the model folder with every checkpoint, not only at the end. */
      exportModel: z.boolean().default(false),
    })
    .prefault({}),
  samples: samples(25, 3),
};

/** Source of an ONNX file: `file:`, `npm:` or `hf:`. */
const onnx = z.string();

/** `train autoencoder`. Source: Rombach 2022 §3.1. */
const autoencoderSchema = z.strictObject({
  ...common,
  /** Absent: that of the autoencoder that training starts from. */
  autoencoder: network(parseAutoencoder).optional(),
  loss: z
    .strictObject({
      kl: rate.default(1e-6),
      /** Noise on the latents of an autoencoder that does not learn its own, as AutoencoderKL does. */
      latentNoise: z.number().positive().default(0.1),
      /** Weight of the squared distance to another autoencoder's latents, on the scale of diffusion. */
      near: rate.optional(),
      perceptual: z
        .strictObject({
          network: onnx,
          weight: rate,
          sizePx: count.optional(),
          crop: z.enum(["whole", "face"]).default("whole"),
        })
        .optional(),
    })
    .prefault({}),
});

/** What runs on a diffusion model have. */
const latents = {
  ...common,
  /** Tokens for each dataset in place of the prompt's: a word that tells one kind of photo from another. */
  prompts: z.array(tokens).min(1).optional(),
  /** Standard deviation of the noise that is added to embeddings, as a share of their length. */
  embeddingNoise: rate.default(0),
  lora: z.strictObject({ rank: count, alpha: z.number().positive(), match: z.array(z.string()).min(1) }).optional(),
};

/** What runs that learn from data have. Source: Arc2Face §3.2, §3.3. */
const diffusion = {
  ...latents,
  schedule: z
    .strictObject({
      prediction: z.enum(predictionTypes).default("epsilon"),
      betaSchedule: z.enum(["linear", "scaled_linear", "squaredcos_cap_v2"]).default("scaled_linear"),
      betaStart: z.number().positive().default(0.00085),
      betaEnd: z.number().positive().default(0.012),
      zeroTerminalSnr: z.boolean().default(false),
    })
    .prefault({}),
  loss: z
    .strictObject({
      /** Weight noise levels by min(SNR, gamma). */
      minSnrGamma: z.number().positive().optional(),
      /** Identity of the decoded prediction, where little noise was added. */
      identity: z
        .strictObject({
          recogniser: onnx,
          weight: z.number().positive(),
          /** How many images of each batch are decoded and recognised, which is expensive. */
          images: count.default(4),
          /** Only timesteps below this. */
          belowTimestep: count.default(250),
          /** What another face network sees in the prediction joins in. */
          features: z
            .strictObject({
              network: onnx,
              weight: z.number().positive(),
              /** Says of an embedding what the network should see. Without it: what the network sees in the photo. */
              expected: onnx.optional(),
            })
            .optional(),
          /** Look at images that the model has begun itself, in so many steps from noise, not at photos with noise. */
          own: z
            .strictObject({
              steps: count.max(50).default(3),
              /** Share of them that are of nobody: with embeddings drawn from the distribution of the batch's. */
              drawnShare: share.default(0),
            })
            .optional(),
        })
        .optional(),
      /** Whether the prediction looks like a face, to a discriminator that learns beside. */
      adversarial: z
        .strictObject({
          weight: z.number().positive(),
          /** Channels of the discriminator's levels, each of half the resolution; multiples of 8. */
          widths: z.array(count.multipleOf(8)).min(1).default([128, 192, 256]),
          /** Noise on what the discriminator sees, up to this standard deviation. */
          noise: rate.default(1),
        })
        .optional(),
    })
    .prefault({}),
  /** Share of the images that are trained without an identity, for guidance. */
  identityDropout: share.default(0.1),
};

/** `train base`: from scratch, with the networks that the recipe describes. */
const baseSchema = z.strictObject({
  ...diffusion,
  unet: network(parseUNetConfig),
  /** The face encoder, or the MLP that it is compared with. */
  projection: z.strictObject({
    encoder: network(parseProjectionConfig),
    mlp: network(parseProjectionConfig).optional(),
  }),
  prompt: z.strictObject({ tokens, idToken: z.int().nonnegative(), unconditional: tokens }),
});

/** `train arc2face`: a checkpoint of Stable Diffusion 1.5, or of this project, trained on. */
const arc2faceSchema = z.strictObject({
  ...diffusion,
  projection: z.strictObject({ mlp: network(parseProjectionConfig) }).optional(),
});

/** `train distill`: a finished model, made quick. Defaults are those of diffusers' `train_lcm_distill_sd_wds.py`. */
const distillSchema = z.strictObject({
  ...latents,
  /** Of the teacher, and from then on in the student. 1 is off: w + 1 in Luo 2023. */
  guidanceScale: z.number().min(1).default(3),
  /** Timesteps of the teacher's solver, from which those of the student are taken. */
  originalSteps: count.default(50),
  /** Factor of the timestep in the boundary condition. */
  timestepScaling: z.number().positive().default(10),
  loss: z
    .discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("huber"), c: z.number().positive().default(0.001) }),
      z.strictObject({ kind: z.literal("l2") }),
    ])
    .prefault({ kind: "huber" }),
  samples: samples(4, 1),
});

export type AutoencoderConfig = z.output<typeof autoencoderSchema>;
export type BaseConfig = z.output<typeof baseSchema>;
export type Arc2FaceConfig = z.output<typeof arc2faceSchema>;
export type DistillConfig = z.output<typeof distillSchema>;
/** What the loop and the optimizer look at. */
export type RunConfig = Pick<AutoencoderConfig, Exclude<keyof typeof common, "mirror">> & { readonly mirror: boolean };

const schemas = { autoencoder: autoencoderSchema, base: baseSchema, arc2face: arc2faceSchema, distill: distillSchema };
export type Method = keyof typeof schemas;
export interface Configs {
  autoencoder: AutoencoderConfig;
  base: BaseConfig;
  arc2face: Arc2FaceConfig;
  distill: DistillConfig;
}

/**
 * Checks a recipe.
 * @param where its path, for the message
 * @throws InputError naming each key that is unknown, missing or out of range
 */
export function parseTrainConfig<M extends Method>(method: M, json: unknown, where: string): Configs[M] {
  const schema: z.ZodType = schemas[method];
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw new InputError(`${where}: ${z.prettifyError(parsed.error).replaceAll("\n", " ")}`);
  const config = parsed.data as Configs[M];
  if ((config.steps === undefined) === (config.epochs === undefined))
    throw new InputError(`${where}: give either steps or epochs`);
  return config;
}

/** Reads a recipe. @throws InputError if it cannot be read, is not JSON, or as {@link parseTrainConfig} */
export async function readTrainConfig<M extends Method>(method: M, path: string | URL): Promise<Configs[M]> {
  const text = await readFile(path, "utf8").catch((cause: Error) => {
    throw new InputError(`${path} cannot be read (${cause.message})`, { cause });
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new InputError(`${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
  return parseTrainConfig(method, json, String(path));
}
