import { z } from "@hono/zod-openapi";

/** 128 random bits in hexadecimal: all that a request can name a thing by. */
export const idSchema = z
  .string()
  .regex(/^[0-9a-f]{32}$/, "an id is 32 hexadecimal digits, as the server gave it")
  .openapi({ example: "6f1d2c9be0a7435891c0de5a3b7f4420" });

export const idParams = z.object({ id: idSchema.openapi({ param: { name: "id", in: "path" } }) });

/** A schema with a name, or null: `nullable` would be documented as something that null is not. */
export function orNull<Schema extends z.ZodType>(schema: Schema) {
  return z.union([schema, z.null()]);
}

/** ISO 8601, UTC. */
export const timeSchema = z.iso.datetime().openapi({ example: "2026-01-31T12:00:00.000Z" });

/** How a server may call its models. */
export const servedModelName = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export const nameSchema = z
  .string()
  .trim()
  .min(1)
  .max(80)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  .regex(/^(?=.*\S)[^\u0000-\u001f\u007f]*$/, "a name holds more than spaces, and no control characters")
  .openapi({ example: "Ada" });

/** Source: RFC 9457. `code` is stable, `detail` says what to do. */
export const problemSchema = z
  .object({
    type: z.string().openapi({ example: "about:blank" }),
    title: z.string().openapi({ example: "Bad Request" }),
    status: z.int().openapi({ example: 400 }),
    code: z.string().openapi({ example: "ERR_INPUT" }),
    detail: z.string().openapi({ example: "count: at most 16; ask for fewer images" }),
    /** Which parts of the request are wrong, where that is the trouble. */
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .openapi("Problem");
export type Problem = z.infer<typeof problemSchema>;

export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(24).openapi({ description: "Most items of the page" }),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, "a cursor is the `next` of the page before")
    .optional()
    .openapi({ description: "The `next` of the page before; absent: the newest" }),
});
export type PageQuery = z.infer<typeof pageQuery>;

/** A page, newest first. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item),
    /** Cursor of the page after this one; null on the last page. */
    next: z.string().nullable(),
  });
}

const descriptions = {
  400: "The request is malformed or out of range",
  401: "No API key, or one that is wrong or revoked",
  403: "The request comes from a page or under a host name that is not allowed",
  404: "There is no such thing, or it was deleted",
  409: "The thing is in another state than this needs",
  413: "The body or the picture is larger than the server takes",
  415: "The body is of another media type than this takes",
  422: "The photo shows no face, or the model cannot use the embedding",
  429: "Too many requests, or the queue is full; wait for `Retry-After` seconds",
  503: "The server is shutting down or cannot reach what it needs",
} as const;
export type ProblemStatus = keyof typeof descriptions;

/** Documents the ways a route fails. Those that every route has are added. */
export function problems<Status extends ProblemStatus>(...statuses: Status[]) {
  const problem = (status: ProblemStatus) => ({
    description: descriptions[status],
    content: { "application/problem+json": { schema: problemSchema } },
  });
  type Documented = Record<Status | 400 | 401 | 403 | 429 | 503, ReturnType<typeof problem>>;
  const all = [400, 401, 403, 429, 503, ...statuses] as const;
  return Object.fromEntries(all.map((status) => [status, problem(status)])) as Documented;
}

export function json<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { "application/json": { schema } } };
}

export function jsonBody<Schema extends z.ZodType>(schema: Schema) {
  return { required: true, content: { "application/json": { schema } } };
}

/** Bytes of a media type, for documentation. */
export function binary(mediaType: string, description: string) {
  const schema = z.any().openapi({ type: "string", format: "binary" });
  return { description, content: { [mediaType]: { schema } } };
}
