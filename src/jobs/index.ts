/**
 * Jobs: a queue inside this process or in Redis, workers, and where results lie. See docs/jobs.md.
 * @packageDocumentation
 */
export { QueueFullError } from "../errors.js";
export { EmbeddedQueue, type EmbeddedQueueOptions } from "./embedded-queue.js";
export { FolderStore } from "./folder-store.js";
export { type JobInputs, type JobKind, jobKinds, type Task } from "./input.js";
export type { Job, JobError, JobEvent, JobPreview, JobProgress, JobStatus, ResultFile } from "./job.js";
export { openStore } from "./open-store.js";
export { Pool, type Releasable } from "./pool.js";
export type {
  JobQueue,
  JobReporter,
  ListOptions,
  QueueCounts,
  QueueOptions,
  RunJob,
  Submission,
} from "./queue.js";
export { RedisQueue, type RedisQueueOptions } from "./redis-queue.js";
export { RedisWorker, type RedisWorkerOptions, type WorkerEvent } from "./redis-worker.js";
export { createRunner, type Workshop } from "./runner.js";
export { S3Store, type S3StoreOptions } from "./s3-store.js";
export { type ByteRange, type ResultStore, readStored, type StoredFile } from "./store.js";
export { openWorkshop, type WorkshopOptions } from "./workshop.js";
