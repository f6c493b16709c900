import { createRoute, z } from "@hono/zod-openapi";
import {
  binary,
  idParams,
  idSchema,
  json,
  jsonBody,
  nameSchema,
  orNull,
  pageOf,
  pageQuery,
  problems,
  timeSchema,
} from "./common.js";
import { qualitySchema } from "./faces.js";

export const identitySchema = z
  .object({
    id: idSchema,
    name: z.string(),
    kind: z.enum(["photos", "embedding", "sample"]).describe("`sample`: drawn by the server, nobody has this face"),
    createdAt: timeSchema,
    photoCount: z.int().describe("Photos that were averaged"),
    outlierCount: z.int().describe("Of those, how many seemed to show someone else and were left out"),
    quality: orNull(qualitySchema),
    portraitUrl: z.string().nullable().describe("Portrait to show: the photo's face, else the latest image, else null"),
    generationCount: z.int().describe("Generations that were made of this identity"),
    recogniser: z.object({ name: z.string(), sha256: z.string() }).nullable(),
  })
  .openapi("Identity");
export type Identity = z.infer<typeof identitySchema>;

const consentSchema = z
  .literal(true, { error: "say consent: true, if the person in the photo agrees to have images made" })
  .describe("Whoever makes images of a person says that the person agrees");

const chosenFace = z.strictObject({
  photo: idSchema.describe("From POST /faces"),
  face: z.int().nonnegative().default(0).describe("`index` of the face"),
});

/** Larger numbers could not be brought to length 1. */
const largestNumber = 1e30;

const embeddingSchema = z
  .array(z.number().min(-largestNumber).max(largestNumber))
  .min(8)
  .max(4096)
  .describe("As many numbers as the model's `embeddingSize`, in any scale; not all zeros");

/** From photos (several are averaged, those of someone else left out), or from an embedding. */
export const newIdentitySchema = z
  .union([
    z.strictObject({
      name: nameSchema,
      consent: consentSchema,
      photos: z.array(chosenFace).min(1).max(20).describe("Of one person; several are averaged"),
    }),
    z.strictObject({
      name: nameSchema,
      consent: consentSchema,
      embedding: embeddingSchema,
      recogniser: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .optional()
        .describe("SHA-256 of the weights of the recogniser that it is of, where that is known"),
    }),
  ])
  .openapi("NewIdentity", {
    example: { name: "Ada", consent: true, photos: [{ photo: "6f1d2c9be0a7435891c0de5a3b7f4420", face: 0 }] },
  });
export type NewIdentity = z.infer<typeof newIdentitySchema>;

const identityTags = ["identities"];

export const createIdentity = createRoute({
  method: "post",
  path: "/api/v1/identities",
  tags: identityTags,
  summary: "Keep a face as an identity",
  request: { body: jsonBody(newIdentitySchema) },
  responses: { 201: json(identitySchema, "The identity"), ...problems(404, 409, 413, 415, 422) },
});

export const sampleSchema = z
  .strictObject({
    count: z.int().min(1).max(16).default(1).describe("Identities to draw"),
    seed: z
      .union([
        z
          .int()
          .min(0)
          .max(2 ** 32 - 1),
        z.literal("random"),
      ])
      .default("random")
      .describe("The same seed gives the same faces"),
    name: nameSchema.default("Nobody").describe("Of the first; the others get a number after it"),
  })
  .openapi("SampleRequest");
export type SampleRequest = z.infer<typeof sampleSchema>;

export const sampleIdentities = createRoute({
  method: "post",
  path: "/api/v1/identities/sample",
  tags: identityTags,
  summary: "Draw new identities that nobody has",
  request: { body: jsonBody(sampleSchema) },
  responses: {
    201: json(
      z.object({ seed: z.int(), items: z.array(identitySchema) }),
      "The identities, and the seed that drew them",
    ),
    ...problems(409, 413, 415),
  },
});

export const listIdentities = createRoute({
  method: "get",
  path: "/api/v1/identities",
  tags: identityTags,
  summary: "List identities, the newest first",
  request: { query: pageQuery },
  responses: { 200: json(pageOf(identitySchema), "A page"), ...problems() },
});

export const getIdentity = createRoute({
  method: "get",
  path: "/api/v1/identities/{id}",
  tags: identityTags,
  summary: "Look at an identity",
  request: { params: idParams },
  responses: { 200: json(identitySchema, "The identity"), ...problems(404) },
});

export const renameIdentity = createRoute({
  method: "patch",
  path: "/api/v1/identities/{id}",
  tags: identityTags,
  summary: "Rename an identity",
  request: { params: idParams, body: jsonBody(z.strictObject({ name: nameSchema })) },
  responses: { 200: json(identitySchema, "The identity"), ...problems(404, 413, 415) },
});

export const deleteIdentity = createRoute({
  method: "delete",
  path: "/api/v1/identities/{id}",
  tags: identityTags,
  summary: "Delete an identity with its photos, embedding, generations and images",
  description: "What is being made of it is cancelled first. Blends with another identity are deleted, too.",
  request: { params: idParams },
  responses: { 204: { description: "Gone" }, ...problems(404) },
});

export const getIdentityPhoto = createRoute({
  method: "get",
  path: "/api/v1/identities/{id}/photo",
  tags: identityTags,
  summary: "The face of an identity's first photo",
  request: { params: idParams },
  responses: {
    200: binary("image/jpeg", "A crop around the face"),
    304: { description: "Unchanged" },
    ...problems(404),
  },
});
