import { createRoute, z } from "@hono/zod-openapi";
import { binary, json, jsonBody, problems } from "./common.js";

export const infoSchema = z
  .object({
    version: z.string(),
    /** Whether requests need a key, and whether this one had a good one. */
    authentication: z.object({ isRequired: z.boolean(), isSignedIn: z.boolean() }),
    limits: z.object({
      photoBytes: z.int(),
      photoPixels: z.int(),
      /** Photos of one identity. */
      photosPerIdentity: z.int(),
      imagesPerGeneration: z.int(),
      stepsPerImage: z.int(),
      queuedGenerations: z.int(),
    }),
  })
  .openapi("Info");
export type Info = z.infer<typeof infoSchema>;

const systemTags = ["server"];

export const getInfo = createRoute({
  method: "get",
  path: "/api/v1/info",
  tags: systemTags,
  summary: "What this server is and takes; needs no key",
  responses: { 200: json(infoSchema, "Version, limits, and whether a key is needed"), ...problems() },
});

export const signIn = createRoute({
  method: "post",
  path: "/api/v1/session",
  tags: systemTags,
  summary: "Exchange an API key for a cookie, for browsers",
  description: "Pictures and event streams cannot send an Authorization header. The cookie ends after 12 hours.",
  request: { body: jsonBody(z.strictObject({ key: z.string().min(1).max(200) })) },
  responses: { 204: { description: "The cookie is set" }, ...problems(413, 415) },
});

export const signOut = createRoute({
  method: "delete",
  path: "/api/v1/session",
  tags: systemTags,
  summary: "End the session of the cookie",
  responses: { 204: { description: "The cookie is gone" }, ...problems() },
});

export const getHealth = createRoute({
  method: "get",
  path: "/health",
  tags: systemTags,
  summary: "Whether the process lives",
  responses: { 200: json(z.object({ status: z.literal("ok") }), "It does"), ...problems() },
});

export const getReady = createRoute({
  method: "get",
  path: "/ready",
  tags: systemTags,
  summary: "Whether requests should be sent here",
  responses: { 200: json(z.object({ status: z.literal("ready") }), "They should"), ...problems() },
});

export const getMetrics = createRoute({
  method: "get",
  path: "/metrics",
  tags: systemTags,
  summary: "Figures for Prometheus",
  responses: { 200: binary("text/plain", "Prometheus text format"), ...problems() },
});
