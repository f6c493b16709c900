import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { Arc2FaceError, CheckpointError, DeviceError, InputError, QueueFullError, ShapeError } from "../errors.js";
import { parseTask, type Task } from "./input.js";
import { type Job, type JobError, jobIdSchema } from "./job.js";
import { queueDefaults, type Submission } from "./queue.js";

/** Why a running job is stopped: the reason of its signal. */
export class JobStopped extends Error {
  constructor(readonly why: "cancelled" | "draining" | "lost") {
    super(`the job was stopped: ${why}`);
  }
}

/** Whether another attempt cannot help: the input, the model or the device is at fault. */
export function isPermanent(error: unknown): boolean {
  return [InputError, CheckpointError, ShapeError, DeviceError].some((kind) => error instanceof kind);
}

/** An error as it is kept and shown. Only errors of this library speak to users. */
export function describeError(error: unknown): JobError {
  if (error instanceof Arc2FaceError) return { code: error.code, message: error.message };
  return { code: "ERR_INTERNAL", message: error instanceof Error ? error.message : String(error) };
}

/** Why a job is not begun again: its processes kept ending without a word. */
export function workerLost(attempts: number): JobError {
  return {
    code: "ERR_WORKER_LOST",
    message: `${attempts} attempts ended with their process, and none finished anything; ask for less, or give it more memory`,
  };
}

/** Wait before the next attempt, in ms; it doubles with each, up to five minutes. */
export function retryDelay(attempts: number, firstMs: number = queueDefaults.retryDelayMs): number {
  return Math.min(firstMs * 2 ** Math.max(0, attempts - 1), 300_000);
}

/** A submission, checked. @throws InputError */
export function checkSubmission({
  id = randomUUID(),
  kind,
  input,
  group,
}: Submission): Task & { id: string; group?: string } {
  for (const [name, value] of [
    ["id", id],
    ["group", group],
  ] as const) {
    const result = jobIdSchema.optional().safeParse(value);
    if (!result.success) throw new InputError(`the job's ${name}: ${result.error.issues[0]!.message}`);
  }
  return { ...parseTask(kind, input), id, ...(group === undefined ? {} : { group }) };
}

/**
 * The job that an id already has, if it is the one that is submitted. A seed that was left out is the one drawn then.
 * @throws InputError if it is a different one
 */
export function assertSameJob(existing: Job, { kind, input, group }: Submission): Job {
  const seed = "seed" in existing.input ? existing.input.seed : undefined;
  const task = parseTask(kind, input, seed);
  const isSame = isDeepStrictEqual(task, { kind: existing.kind, input: existing.input }) && existing.group === group;
  if (isSame) return existing;
  throw new InputError(`job ${existing.id} is there already, and is a different one; give another id`);
}

/**
 * The error of a full queue.
 * @param meanMs mean time of recent jobs; undefined if none is known
 * @param slots  jobs that run at once
 */
export function queueFull(queued: number, meanMs: number | undefined, slots: number): QueueFullError {
  // One job less waits as soon as one of those that run ends.
  const seconds = Math.max(1, Math.ceil((meanMs ?? 10_000) / 1000 / Math.max(1, slots)));
  return new QueueFullError(`${queued} jobs wait, which is as many as may; try again in ${seconds} s`, seconds);
}
