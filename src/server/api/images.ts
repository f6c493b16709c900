import { createRoute, z } from "@hono/zod-openapi";
import { binary, idParams, idSchema, json, problems, timeSchema } from "./common.js";

export const imageSchema = z
  .object({
    id: idSchema,
    seed: z.int(),
    widthPx: z.int(),
    heightPx: z.int(),
    url: z.string().describe("Where the PNG is"),
    faceFound: z.boolean().nullable().describe("Whether a face was found in the image; null where nobody looked"),
    similarity: z
      .number()
      .nullable()
      .describe("Cosine of the image's face to the identity, -1 to 1; null where it cannot be told"),
    verdict: z
      .enum(["same", "unsure", "different"])
      .nullable()
      .describe("`same`: the recogniser takes both for one person"),
  })
  .openapi("Image");
export type Image = z.infer<typeof imageSchema>;

export const imageMetadataSchema = imageSchema
  .extend({
    generation: idSchema,
    createdAt: timeSchema,
    bytes: z.int(),
    sha256: z.string(),
    /** Cosine from which the recogniser takes two faces for one person. */
    threshold: z.number().nullable(),
    /** The record that the PNG carries: all that is needed to make the image again, but the embedding. */
    record: z.record(z.string(), z.unknown()),
  })
  .openapi("ImageMetadata");
export type ImageMetadata = z.infer<typeof imageMetadataSchema>;

const imageTags = ["images"];

export const getImage = createRoute({
  method: "get",
  path: "/api/v1/images/{id}",
  tags: imageTags,
  summary: "An image as PNG, with how it was made inside",
  description: "Supports `Range` (one range), `If-None-Match` and `If-Range`.",
  request: {
    params: idParams,
    query: z.object({
      download: z
        .enum(["0", "1"])
        .optional()
        .openapi({ description: "1: browsers save the file instead of showing it" }),
    }),
  },
  responses: {
    200: binary("image/png", "The image"),
    206: binary("image/png", "A part of it"),
    304: { description: "Unchanged" },
    416: { description: "The range lies outside of the file" },
    ...problems(404),
  },
});

export const getImageMetadata = createRoute({
  method: "get",
  path: "/api/v1/images/{id}/metadata",
  tags: imageTags,
  summary: "How an image was made, and how much it resembles the identity",
  request: { params: idParams },
  responses: { 200: json(imageMetadataSchema, "What is known of the image"), ...problems(404) },
});
