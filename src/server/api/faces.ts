import { createRoute, z } from "@hono/zod-openapi";
import { idSchema, json, problems, timeSchema } from "./common.js";

const pointSchema = z.tuple([z.number(), z.number()]);

export const qualitySchema = z
  .object({
    score: z.number().describe("0 to 1; above 0.5 nothing is wrong"),
    reasons: z.array(z.string()).describe("In plain words what is wrong, the worst first"),
  })
  .openapi("FaceQuality");

export const faceSchema = z
  .object({
    index: z.int().nonnegative().describe("What POST /identities calls this face by; the largest is 0"),
    box: z
      .tuple([z.number(), z.number(), z.number(), z.number()])
      .describe("Left, top, right, bottom, in pixels of the photo; may reach beyond it"),
    landmarks: z.array(pointSchema).describe("The usual 68 landmarks, in pixels of the photo"),
    score: z.number().describe("The detector's confidence, 0 to 1"),
    quality: qualitySchema,
    thumbnail: z.string().describe("The aligned face as a `data:image/jpeg` URL of 112x112 pixels"),
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
