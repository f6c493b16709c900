import { createRoute, z } from "@hono/zod-openapi";
import { samplerNames } from "../../diffusion/samplers.js";
import {
  binary,
  idParams,
  idSchema,
  json,
  jsonBody,
  orNull,
  pageOf,
  pageQuery,
  problemSchema,
  problems,
  timeSchema,
} from "./common.js";
import { imageSchema } from "./images.js";
import { modelNameSchema } from "./models.js";

/** Between two identities, along the great circle. */
export const blendSchema = z
  .strictObject({
    from: idSchema,
    to: idSchema,
    share: z.number().min(0).max(1).describe("0 is `from`, 1 is `to`"),
  })
  .openapi("Blend");
export type Blend = z.infer<typeof blendSchema>;

const settings = {
  identity: z.union([idSchema, blendSchema]).describe("An identity, or someone between two"),
  model: modelNameSchema.optional().describe("Default: the first of GET /models"),
  count: z.int().min(1).max(64).default(4).describe("Images to make; the server's most is in GET /info"),
  steps: z.int().min(1).max(200).optional().describe("Steps for each image. Default: the model's"),
  guidance: z
    .number()
    .min(0)
    .max(20)
    .optional()
    .describe("How closely to follow the face; 1 is off. Default: the model's"),
  sampler: z.enum(samplerNames).optional().describe("One of GET /samplers. Default: the model's"),
  seed: z
    .union([
      z
        .int()
        .min(0)
        .max(2 ** 32 - 65),
      z.literal("random"),
    ])
    .default("random")
    .describe("Of the first image; each next one has one more"),
  previews: z.boolean().default(true).describe("Send pictures of the unfinished images, too"),
};

export const newGenerationSchema = z.strictObject(settings).openapi("NewGeneration", {
  example: { identity: "6f1d2c9be0a7435891c0de5a3b7f4420", count: 4, seed: "random" },
});
export type NewGeneration = z.infer<typeof newGenerationSchema>;

export const generationStatuses = ["queued", "running", "done", "failed", "cancelled"] as const;

export const generationSchema = z
  .object({
    id: idSchema,
    status: z.enum(generationStatuses),
    request: z
      .object({
        ...settings,
        model: modelNameSchema,
        count: z.int(),
        steps: z.int(),
        guidance: z.number(),
        sampler: z.enum(samplerNames),
        seed: z.int(),
        previews: z.boolean(),
      })
      .describe("What was asked for, with every choice filled in: sent again, it gives the same bytes"),
    createdAt: timeSchema,
    startedAt: timeSchema.nullable(),
    finishedAt: timeSchema.nullable(),
    ahead: z.int().nullable().describe("Generations that come before; null unless queued"),
    progress: z.object({ stepsDone: z.int(), stepsTotal: z.int() }),
    images: z.array(imageSchema).describe("Those that are finished, in order of their seeds"),
    error: orNull(problemSchema).describe("Why it failed"),
  })
  .openapi("Generation");
export type Generation = z.infer<typeof generationSchema>;

/**
 * The `data` of a server-sent event; the `event` field holds `type`. `progress` and `preview` tell of passing states: a
 * slow client gets only the latest. All others reach every client.
 */
export const generationEventSchema = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("queued"), ahead: z.int() }),
    z.object({ type: z.literal("started"), startedAt: timeSchema }),
    z.object({
      type: z.literal("progress"),
      stepsDone: z.int(),
      stepsTotal: z.int(),
      seeds: z.array(z.int()).describe("Of the images that are being made"),
    }),
    z.object({
      type: z.literal("preview"),
      seed: z.int(),
      step: z.int(),
      steps: z.int(),
      picture: z.string().describe("A `data:` URL of a small picture"),
    }),
    z.object({ type: z.literal("image"), image: imageSchema }),
    z.object({ type: z.literal("done"), generation: generationSchema }),
    z.object({ type: z.literal("failed"), generation: generationSchema }),
    z.object({ type: z.literal("cancelled"), generation: generationSchema }),
  ])
  .openapi("GenerationEvent");
export type GenerationEvent = z.infer<typeof generationEventSchema>;

/** One event of the stream. Of these, a schema of OpenAPI 3.1 is: it knows no streams. */
const streamEventSchema = z.object({
  event: z.string().describe("The `type` of the data"),
  id: z.string().optional().describe("For `Last-Event-ID`; absent: a passing state"),
  data: z.string().meta({
    description: "JSON",
    contentMediaType: "application/json",
    contentSchema: { $ref: "#/components/schemas/GenerationEvent" },
  }),
});

const generationTags = ["generations"];

export const startGeneration = createRoute({
  method: "post",
  path: "/api/v1/generations",
  tags: generationTags,
  summary: "Make images of an identity, or of someone between two",
  request: { body: jsonBody(newGenerationSchema) },
  responses: { 202: json(generationSchema, "It is queued"), ...problems(404, 409, 413, 415, 422) },
});

export const listGenerations = createRoute({
  method: "get",
  path: "/api/v1/generations",
  tags: generationTags,
  summary: "List generations, the newest first",
  request: {
    query: pageQuery.extend({ identity: idSchema.optional(), status: z.enum(generationStatuses).optional() }),
  },
  responses: { 200: json(pageOf(generationSchema), "A page"), ...problems() },
});

export const getGeneration = createRoute({
  method: "get",
  path: "/api/v1/generations/{id}",
  tags: generationTags,
  summary: "Look at a generation",
  request: { params: idParams },
  responses: { 200: json(generationSchema, "The generation"), ...problems(404) },
});

export const cancelGeneration = createRoute({
  method: "post",
  path: "/api/v1/generations/{id}/cancel",
  tags: generationTags,
  summary: "Stop a generation; its finished images stay",
  description: "One that has ended is left as it is.",
  request: { params: idParams },
  responses: { 200: json(generationSchema, "The generation"), ...problems(404) },
});

export const deleteGeneration = createRoute({
  method: "delete",
  path: "/api/v1/generations/{id}",
  tags: generationTags,
  summary: "Delete a generation with its images; stops it first",
  request: { params: idParams },
  responses: { 204: { description: "Gone" }, ...problems(404) },
});

export const watchGeneration = createRoute({
  method: "get",
  path: "/api/v1/generations/{id}/events",
  tags: generationTags,
  summary: "Watch a generation by server-sent events",
  description: "Each `data` is a GenerationEvent. Ends after done, failed or cancelled. `Last-Event-ID` resumes.",
  request: {
    params: idParams,
    headers: z.object({
      "last-event-id": z
        .string()
        .regex(/^\d{1,15}$/)
        .optional()
        .openapi({ description: "Id of the last event that was seen" }),
    }),
  },
  responses: {
    200: { description: "Events", content: { "text/event-stream": { schema: streamEventSchema } } },
    204: { description: "The end was seen; do not come back" },
    ...problems(404),
  },
});

export const getArchive = createRoute({
  method: "get",
  path: "/api/v1/generations/{id}/archive",
  tags: generationTags,
  summary: "The finished images of a generation as a zip",
  request: { params: idParams },
  responses: { 200: binary("application/zip", "The images, called SEED.png"), ...problems(404, 409) },
});
