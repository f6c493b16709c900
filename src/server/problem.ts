import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ZodError } from "zod";
import { Arc2FaceError, InputError, NoFaceError, QueueFullError } from "../errors.js";
import type { Problem, ProblemStatus } from "./api/common.js";
import { withoutPaths } from "./without-paths.js";

type Status = ProblemStatus | 405 | 416 | 500;

const titles: Readonly<Record<Status, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** A request that cannot be answered as it was asked. The message says what to do. */
export class RequestError extends Arc2FaceError {
  constructor(
    readonly status: Status,
    readonly code: string,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

export function notFound(what: string): RequestError {
  return new RequestError(404, "ERR_NOT_FOUND", `there is no such ${what}; it may have been deleted`);
}

export function conflict(message: string): RequestError {
  return new RequestError(409, "ERR_CONFLICT", message);
}

/** Well-formed numbers that are no face, or not one that the model knows. */
export function unusableEmbedding(message: string): RequestError {
  return new RequestError(422, "ERR_EMBEDDING", message);
}

/** @param methods those that the address takes */
export function wrongMethod(methods: readonly string[]): RequestError {
  const allowed = methods.join(", ");
  return new RequestError(405, "ERR_METHOD", `this address takes ${allowed} only`, { Allow: allowed });
}

export function tooMany(message: string, retryAfterS: number): RequestError {
  return new RequestError(429, "ERR_TOO_MANY", message, { "Retry-After": String(Math.max(1, Math.ceil(retryAfterS))) });
}

const bugText = "the server met a bug; its log has the details";

/** What the client is told of an error: no paths, and of a bug nothing but that it is one. */
export function describeError(error: unknown): { problem: Problem; headers: Readonly<Record<string, string>> } {
  if (error instanceof RequestError) {
    return { problem: problem(error.status, error.code, error.message), headers: error.headers };
  }
  if (error instanceof QueueFullError) {
    return describeError(tooMany(error.message, error.retryAfterSeconds));
  }
  if (error instanceof HTTPException) {
    const status = (error.status in titles ? error.status : 400) as Status;
    return { problem: problem(status, status === 400 ? "ERR_INPUT" : "ERR_REQUEST", error.message), headers: {} };
  }
  if (error instanceof Arc2FaceError) {
    const status = error instanceof NoFaceError ? 422 : error instanceof InputError ? 400 : 503;
    return { problem: problem(status, error.code, withoutPaths(error.message)), headers: {} };
  }
  return { problem: problem(500, "ERR_INTERNAL", bugText), headers: {} };
}

/** Why a job failed, as it is shown later. */
export function describeJobError({ code, message }: { code: string; message: string }): Problem {
  const status = code === "ERR_INPUT" ? 400 : code === "ERR_INTERNAL" ? 500 : 503;
  return problem(status, code, status === 500 ? bugText : withoutPaths(message));
}

/** The parts of a request that its schema refuses. */
export function describeZodError(error: ZodError): Problem {
  const errors = error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
  const [first] = errors;
  const detail =
    first === undefined ? "the request is malformed" : [first.path, first.message].filter(Boolean).join(": ");
  return { ...problem(400, "ERR_INPUT", detail), errors };
}

export function respondProblem(c: Context, body: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  return c.body(JSON.stringify(body), body.status as Status, {
    "Content-Type": "application/problem+json",
    "Cache-Control": "no-store",
    ...headers,
  });
}

function problem(status: Status, code: string, detail: string): Problem {
  return { type: "about:blank", title: titles[status], status, code, detail };
}
