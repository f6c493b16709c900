import { createRoute, z } from "@hono/zod-openapi";
import { idSchema, json, problems, timeSchema } from "./common.js";

const pointSchema = z.tuple([z.number(), z.number()]);

export const qualitySchema = z
  .object({
    /** 0 to 1; above 0.5 nothing is wrong. */
    score: z.number(),
    /** In plain words what is wrong, the worst first. */
    reasons: z.array(z.string()),
  })
  .openapi("FaceQuality");

export const faceSchema = z
  .object({
    /** What `POST /identities` calls this face by. The largest face is 0. */
    index: z.int().nonnegative(),
    /** Left, top, right, bottom, in pixels of the photo; may reach beyond it. */
    box: z.tuple([z.number(), z.number(), z.number(), z.number()]),
    /** The usual 68 landmarks, in pixels of the photo. */
    landmarks: z.array(pointSchema),
    /** The detector's confidence, 0 to 1. */
    score: z.number(),
    quality: qualitySchema,
    /** The aligned face as a `data:image/jpeg` URL of 112x112 pixels. */
    thumbnail: z.string(),
  })
  .openapi("Face");
export type Face = z.infer<typeof faceSchema>;

export const photoSchema = z
  .object({
    id: idSchema,
    widthPx: z.int(),
    heightPx: z.int(),
    /** When the photo is deleted, unless it becomes an identity before. */
    expiresAt: timeSchema,
    faces: z.array(faceSchema),
  })
  .openapi("Photo");
export type Photo = z.infer<typeof photoSchema>;

/** The multipart field that holds the picture. */
export const photoField = "photo";

export const findFaces = createRoute({
  method: "post",
  path: "/api/v1/faces",
  tags: ["faces"],
  summary: "Find the faces in a photo, to choose one",
  description:
    "Takes JPEG, PNG, WebP, AVIF, GIF or TIFF. The photo is kept for an hour, and longer only if it becomes an identity.",
  request: {
    body: {
      required: true,
      content: {
        "multipart/form-data": {
          schema: z.object({
            [photoField]: z.any().openapi({ type: "string", format: "binary", description: "One picture file" }),
          }),
        },
      },
    },
  },
  responses: { 201: json(photoSchema, "The faces, the largest first"), ...problems(413, 415, 422) },
});
