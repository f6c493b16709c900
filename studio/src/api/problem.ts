import type { Problem } from "../../../src/server/api/types.js";

/** The server refused a request or could not be reached. The message says what to do. */
export class ApiError extends Error {
  /** @param status of HTTP; 0 if there was no answer */
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
    readonly retryAfterS?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "ApiError";
  }
}

/** Reads why a request was refused. */
export async function problemOf(response: Response): Promise<ApiError> {
  const retryAfterS = readSeconds(response.headers.get("retry-after"));
  const problem = await readProblem(response);
  const code = problem?.code ?? "ERR_HTTP";
  const message = withWait(sentence(problem?.detail ?? fallback(response.status)), retryAfterS);
  return new ApiError(message, response.status, code, retryAfterS);
}

/** There was no answer at all. */
export function unreachable(cause: unknown): ApiError {
  const message = "The server does not answer. Start it again with: arc2face serve. What was finished is kept.";
  return new ApiError(message, 0, "ERR_UNREACHABLE", undefined, { cause });
}

/** What to tell a person about an error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function readProblem(response: Response): Promise<Partial<Problem> | undefined> {
  if (!response.headers.get("content-type")?.includes("json")) return undefined;
  return (await response.json().catch(() => undefined)) as Partial<Problem> | undefined;
}

function readSeconds(header: string | null): number | undefined {
  const seconds = Number(header);
  return header !== null && Number.isFinite(seconds) ? seconds : undefined;
}

function sentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}`.replace(/(?<![.!?])$/, ".");
}

function withWait(message: string, retryAfterS: number | undefined): string {
  if (retryAfterS === undefined) return message;
  return `${message} Try again in ${retryAfterS} ${retryAfterS === 1 ? "second" : "seconds"}.`;
}

function fallback(status: number): string {
  if (status === 413) return "This file is larger than the server takes. Choose a smaller one.";
  if (status >= 500) return `The server met an error (${status}). Its log says more; try again.`;
  return `The server refused this (${status}).`;
}
