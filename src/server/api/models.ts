import { createRoute, z } from "@hono/zod-openapi";
import { samplerNames } from "../../diffusion/samplers.js";
import { json, problems, servedModelName } from "./common.js";

/** A model's name on this server; never a path. */
export const modelNameSchema = z
  .string()
  .regex(servedModelName, "a model is called by its name in GET /api/v1/models")
  .openapi({ example: "mini" });

export const modelSchema = z
  .object({
    name: modelNameSchema,
    description: z.string(),
    /** Taken where a request names no model. */
    isDefault: z.boolean(),
    state: z.enum(["unloaded", "loading", "loaded", "failed"]),
    /** Why it could not be loaded. */
    error: z.string().nullable(),
    /** What requests get that leave a choice open; null until it was first read. */
    defaults: z
      .object({
        steps: z.int(),
        guidance: z.number(),
        sampler: z.enum(samplerNames),
        widthPx: z.int(),
        heightPx: z.int(),
      })
      .nullable(),
    embeddingSize: z.int().nullable(),
    recogniser: z.object({ name: z.string(), sha256: z.string() }).nullable(),
  })
  .openapi("Model");
export type Model = z.infer<typeof modelSchema>;

export const samplerSchema = z
  .object({
    name: z.enum(samplerNames),
    title: z.string(),
    /** One line. */
    explanation: z.string(),
    /** Steps with which it does well. */
    steps: z.int(),
    /** Whether it draws noise at every step. */
    isRandom: z.boolean(),
  })
  .openapi("Sampler");
export type Sampler = z.infer<typeof samplerSchema>;

const modelTags = ["models"];
const modelParams = z.object({ name: modelNameSchema.openapi({ param: { name: "name", in: "path" } }) });

export const listModels = createRoute({
  method: "get",
  path: "/api/v1/models",
  tags: modelTags,
  summary: "List the models of this server",
  responses: { 200: json(z.object({ items: z.array(modelSchema) }), "The models, the default first"), ...problems() },
});

export const loadModel = createRoute({
  method: "post",
  path: "/api/v1/models/{name}/load",
  tags: modelTags,
  summary: "Load a model now, so that the first generation need not wait",
  request: { params: modelParams },
  responses: { 202: json(modelSchema, "It is being loaded, or is loaded"), ...problems(404) },
});

export const unloadModel = createRoute({
  method: "post",
  path: "/api/v1/models/{name}/unload",
  tags: modelTags,
  summary: "Free a model's memory; a generation that needs it loads it again",
  request: { params: modelParams },
  responses: { 200: json(modelSchema, "It is unloaded"), ...problems(404, 409) },
});

export const listSamplers = createRoute({
  method: "get",
  path: "/api/v1/samplers",
  tags: modelTags,
  summary: "List the samplers, each with a line of explanation",
  responses: { 200: json(z.object({ items: z.array(samplerSchema) }), "The samplers"), ...problems() },
});
