import { z } from "zod";
import type { JobInputs, JobKind, Task } from "./input.js";
import { storeKeySchema } from "./store.js";

export const jobStatuses = ["queued", "running", "succeeded", "failed", "cancelled"] as const;
export type JobStatus = (typeof jobStatuses)[number];

/** A file that a job made. */
export const resultFileSchema = z.strictObject({
  /** In the result store. */
  key: storeKeySchema,
  contentType: z.string(),
  byteLength: z.int().nonnegative(),
  /** Of images: index of the face embedding, and the seed. */
  identity: z.int().nonnegative().optional(),
  seed: z.int().nonnegative().optional(),
});
export type ResultFile = z.output<typeof resultFileSchema>;

export const jobErrorSchema = z.strictObject({
  /** As in `errors.ts`, `ERR_WORKER_LOST`, or `ERR_INTERNAL`. */
  code: z.string(),
  message: z.string(),
});
export type JobError = z.output<typeof jobErrorSchema>;

/** A job as it is now. */
export type Job<Kind extends JobKind = JobKind> = Extract<Task, { kind: Kind }> & {
  readonly id: string;
  readonly status: JobStatus;
  /** What the job belongs to, such as an identity; jobs can be listed by it. */
  readonly group?: string | undefined;
  /** While queued: number of jobs that come before. */
  readonly position?: number | undefined;
  readonly createdAtMs: number;
  /** When the latest attempt began. */
  readonly startedAtMs?: number | undefined;
  readonly finishedAtMs?: number | undefined;
  /** Attempts, counted anew whenever something is finished: a job that gets on is not given up. */
  readonly attempts: number;
  /** What was finished, in the order of the keys; also while it runs, and if it failed. */
  readonly files: readonly ResultFile[];
  /** Why it failed; while it waits for another attempt, why the latest did. */
  readonly error?: JobError | undefined;
};

/** How far a running job is. */
export interface JobProgress {
  /** What is counted over the whole job. */
  readonly unit: "images" | "photos";
  readonly done: number;
  readonly total: number;
  /** Steps done and to do for the images that are being made. */
  readonly step?: number | undefined;
  readonly steps?: number | undefined;
  /** The images that are being made. */
  readonly images?: readonly { readonly identity: number; readonly seed: number }[] | undefined;
}

/** What an image would be by the latest prediction. */
export interface JobPreview {
  readonly identity: number;
  readonly seed: number;
  readonly step: number;
  readonly steps: number;
  /** A small PNG. */
  readonly png: Uint8Array;
}

/** What `watch` tells of a job. The last is `succeeded`, `failed` or `cancelled`. */
export type JobEvent =
  | { readonly type: "queued"; readonly position: number }
  | { readonly type: "started"; readonly attempt: number }
  | ({ readonly type: "progress" } & JobProgress)
  | ({ readonly type: "preview" } & JobPreview)
  | { readonly type: "file"; readonly file: ResultFile }
  | { readonly type: "retrying"; readonly error: JobError }
  | { readonly type: "succeeded" | "cancelled"; readonly job: Job }
  | { readonly type: "failed"; readonly job: Job; readonly error: JobError };

/** Ids that users may give: letters, digits, `_` and `-`; at least one of them no digit. */
export const jobIdSchema = z
  .string()
  .max(64)
  .regex(/^(?=.*[A-Za-z_-])[A-Za-z0-9_-]+$/, "give letters, digits, _ and -, at least one no digit");

/** Whether nothing more will happen to a job. */
export function isFinished({ status }: Pick<Job, "status">): boolean {
  return status === "succeeded" || status === "failed" || status === "cancelled";
}

/** Where the files of a job lie in the result store. */
export function jobPrefix(id: string): string {
  return `jobs/${id}/`;
}

export type { JobInputs, JobKind, Task };
