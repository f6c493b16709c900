import type { Job as BullJob, JobState, Queue } from "bullmq";
import type { Redis } from "ioredis";
import type { Task } from "./input.js";
import { type Job, type JobStatus, jobErrorSchema, resultFileSchema } from "./job.js";
import { keys, queueName, redisPrefix } from "./redis-channels.js";

/** What BullMQ carries to a worker. */
export type JobData = Task & { readonly group?: string };

/** BullMQ counts attempts and losses of workers in its own way; ours are counted in the job's state. */
export const unlimitedAttempts = 1_000_000;

const fileField = "file:";

/** A job as it is now; undefined if there is none, or it is being deleted. */
export async function readJob(queue: Queue<JobData>, redis: Redis, id: string): Promise<Job | undefined> {
  // In this order: what says that a job is finished is read before its files, which were written before it.
  const bullJob = (await queue.getJob(id)) as BullJob<JobData> | undefined;
  if (!bullJob) return undefined;
  const [state, stopping, isCancelled, rank, length, fields] = await Promise.all([
    bullJob.finishedOn === undefined ? (bullJob.getState() as Promise<JobState | "unknown">) : undefined,
    redis.hget(keys.stopping, id),
    redis.sismember(keys.cancelled, id),
    redis.lpos(waitKey, id),
    redis.llen(waitKey),
    redis.hgetall(keys.state(id)),
  ]);
  if (stopping === "deleted") return undefined;
  const status = stopping || isCancelled ? "cancelled" : statusOf(bullJob, state);
  const { kind, input, group } = bullJob.data;
  return {
    kind,
    input,
    id,
    status,
    ...(group === undefined ? {} : { group }),
    // The list's end is next.
    ...(status === "queued" && rank !== null ? { position: Math.max(0, length - 1 - rank) } : {}),
    createdAtMs: bullJob.timestamp,
    ...(bullJob.processedOn === undefined ? {} : { startedAtMs: bullJob.processedOn }),
    ...(bullJob.finishedOn === undefined ? {} : { finishedAtMs: bullJob.finishedOn }),
    attempts: Number(fields.attempts ?? 0),
    files: filesOf(fields),
    ...(fields.error === undefined ? {} : { error: jobErrorSchema.parse(JSON.parse(fields.error)) }),
  } as Job;
}

/** List of the ids that wait for no attempt's time; its end is next. */
export const waitKey = `${redisPrefix}:${queueName}:wait`;

function statusOf({ finishedOn, failedReason }: BullJob<JobData>, state: string | undefined): JobStatus {
  if (finishedOn !== undefined) return failedReason === undefined ? "succeeded" : "failed";
  return state === "active" ? "running" : "queued";
}

function filesOf(fields: Record<string, string>): Job["files"] {
  const names = Object.keys(fields).filter((name) => name.startsWith(fileField));
  return names.sort().map((name) => resultFileSchema.parse(JSON.parse(fields[name]!)));
}

/** The field of a job's state that tells of a file. */
export function fileFieldOf(key: string): string {
  return fileField + key;
}

/** Removes what Redis holds of a job that no worker has. */
export async function removeJob(queue: Queue<JobData>, redis: Redis, id: string): Promise<void> {
  await queue.remove(id);
  await redis.multi().del(keys.state(id)).hdel(keys.stopping, id).srem(keys.cancelled, id).exec();
}
