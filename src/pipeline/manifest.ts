import { z } from "zod";
import { samplerNames } from "../diffusion/samplers.js";
import { parseConfig } from "../models/config.js";

const tokens = z.array(z.int().nonnegative()).min(1);

/**
 * `arc2face.json`, the optional file at the root of a model folder: what the official release fixes in code.
 * A folder without it has the official values.
 */
const schema = z.strictObject({
  prompt: z
    .strictObject({
      /** Token ids of the pseudo-prompt, with its start, end and padding. */
      tokens,
      /** The id that the face embedding replaces; it must occur in `tokens`. */
      idToken: z.int().nonnegative(),
      /** Token ids of the unconditional branch. */
      unconditional: tokens,
    })
    .refine((prompt) => prompt.tokens.includes(prompt.idToken), { message: "idToken does not occur in tokens" })
    .optional(),
  /** Length of the face embedding. */
  embeddingSize: z.int().positive().default(512),
  /** The recogniser whose embeddings the model was trained with. */
  recogniser: z.strictObject({ name: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }).optional(),
  /** What `generate` uses when the caller says nothing. */
  defaults: z
    .strictObject({
      sampler: z.enum(samplerNames).default("dpm++"),
      steps: z.int().positive().default(25),
      guidanceScale: z.number().nonnegative().default(3),
    })
    .prefault({}),
  licence: z.string().optional(),
});

export interface ModelManifest extends z.output<typeof schema> {
  readonly prompt: { tokens: number[]; idToken: number; unconditional: number[] };
}

/** @throws CheckpointError naming each key that is unknown or wrong */
export function parseManifest(json: unknown, maxPositions: number, where: string): ModelManifest {
  const manifest = parseConfig(schema, json, where);
  return { ...manifest, prompt: manifest.prompt ?? officialPrompt(maxPositions) };
}

/** "photo of a id person" and the empty prompt, in CLIP's vocabulary. Source: Arc2Face §3.3. */
function officialPrompt(length: number): ModelManifest["prompt"] {
  const [start, end] = [49406, 49407];
  const padded = (...ids: number[]) => [...ids, ...Array<number>(Math.max(0, length - ids.length)).fill(end)];
  return {
    tokens: padded(start, 1125, 539, 320, 1014, 2533),
    idToken: 1014,
    unconditional: padded(start),
  };
}
