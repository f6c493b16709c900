import type { Job, JobEvent, JobKind, JobPreview, JobProgress, JobStatus, ResultFile } from "./job.js";

export interface Submission {
  readonly kind: JobKind;
  /** As the schemas in `input.ts` have it; it is checked. */
  readonly input: unknown;
  /** Submitting the same id again gives the job that is there. Default: a new one. */
  readonly id?: string | undefined;
  /** What the job belongs to, such as an identity. Letters, digits, `_` and `-`. */
  readonly group?: string | undefined;
}

export interface ListOptions {
  readonly statuses?: readonly JobStatus[] | undefined;
  readonly kind?: JobKind | undefined;
  readonly group?: string | undefined;
  /** Most jobs in the answer; default 100. */
  readonly limit?: number | undefined;
  /** Newer ones to leave out; default 0. */
  readonly offset?: number | undefined;
}

export interface QueueCounts extends Record<JobStatus, number> {}

/** Jobs that wait, run and have run. What one backend does, the other does too. */
export interface JobQueue {
  /**
   * Puts a job at the end of the queue. An id that is there already gives its job, and nothing is put anywhere.
   * @throws InputError  if kind, input or id are wrong, or the id is that of a different job
   * @throws QueueFullError if as many jobs wait as may
   */
  submit(submission: Submission): Promise<Job>;
  /** Costs less than a job that is refused. @throws QueueFullError if as many jobs wait as may */
  assertRoom(): Promise<void>;
  get(id: string): Promise<Job | undefined>;
  /** Newest first. */
  list(options?: ListOptions): Promise<Job[]>;
  counts(): Promise<QueueCounts>;
  /** Ends a job that waits or runs; what it finished stays. False if there is nothing to end. */
  cancel(id: string): Promise<boolean>;
  /** Puts a job that failed or was cancelled at the end of the queue; what it finished is not made again. False if there is none such. */
  retry(id: string): Promise<boolean>;
  /** Removes a job and its files; it is cancelled first. False if there is none. */
  delete(id: string): Promise<boolean>;
  /**
   * Tells what happens to a job, beginning with where it is now, until it is finished. A reader that is slow misses
   * progress and previews, and nothing else; nothing piles up for it.
   * @throws InputError if there is no such job
   */
  watch(id: string, signal?: AbortSignal): AsyncGenerator<JobEvent, void, void>;
  /**
   * Takes no more jobs, and ends when those that run here have finished. Any that has not within `drainMs` (default: no
   * limit) is stopped, and is queued again.
   */
  close(options?: { drainMs?: number }): Promise<void>;
}

/** What a running job tells its queue. */
export interface JobReporter {
  /** Aborted when the job is cancelled, or has to leave this process. */
  readonly signal: AbortSignal;
  progress(progress: JobProgress): void;
  preview(preview: JobPreview): void;
  /** A file is in the store. Telling it twice is telling it once. */
  file(file: ResultFile): Promise<void>;
  /** Something is finished that no further attempt has to do, and that is no file of the job: attempts are counted anew. */
  advance(): Promise<void>;
}

/** Does what a job asks. It may have run before: what is in the store is not made again. */
export type RunJob = (job: Job, reporter: JobReporter) => Promise<void>;

export interface QueueOptions {
  /** Most jobs that wait; default 1000. */
  readonly maxQueued?: number | undefined;
  /** Attempts that finish nothing after which a job has failed; default 3. */
  readonly maxAttempts?: number | undefined;
  /** Wait before the second attempt, which doubles with each; default 1000 ms. */
  readonly retryDelayMs?: number | undefined;
}

export const queueDefaults = { maxQueued: 1000, maxAttempts: 3, retryDelayMs: 1000 } as const;
