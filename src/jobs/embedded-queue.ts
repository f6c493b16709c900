import { EventEmitter } from "node:events";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { InputError } from "../errors.js";
import { JobDatabase } from "./database.js";
import { isFinished, type Job, type JobEvent, jobPrefix } from "./job.js";
import {
  assertSameJob,
  checkSubmission,
  describeError,
  isPermanent,
  JobStopped,
  queueFull,
  retryDelay,
  workerLost,
} from "./outcome.js";
import {
  type JobQueue,
  type JobReporter,
  type ListOptions,
  type QueueCounts,
  type QueueOptions,
  queueDefaults,
  type RunJob,
  type Submission,
} from "./queue.js";
import type { ResultStore } from "./store.js";
import { type Hint, watchJob } from "./watch.js";

export interface EmbeddedQueueOptions extends QueueOptions {
  /** SQLite file; `:memory:` forgets. */
  readonly database: string;
  readonly store: ResultStore;
  readonly run: RunJob;
  /** Jobs that run at once; default 1, since one job uses all cores. */
  readonly concurrency?: number | undefined;
}

interface Running {
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

/** The hint that concerns every job: the queue is closed. */
const everyJob = Symbol("every job");

/** Least time between two looks at who waits where, for all who watch together. */
const placesEveryMs = 100;
/** Jobs that are deleted within this time are overwritten together, as that waits for the disk. */
const forgetAfterMs = 50;

/**
 * A queue inside this process. Its state is in a SQLite file: after the process has ended in whatever way, the next one goes
 * on with the jobs that ran and waited.
 */
export class EmbeddedQueue implements JobQueue {
  private readonly database: JobDatabase;
  private readonly running = new Map<string, Running>();
  private readonly hints = new EventEmitter().setMaxListeners(0);
  private timer: NodeJS.Timeout | undefined;
  private placesTimer: NodeJS.Timeout | undefined;
  private forgetting: Promise<void> | undefined;
  private closing: Promise<void> | undefined;

  /** Opens the queue, and begins with what waits. @throws InputError if another process has the database */
  constructor(private readonly options: EmbeddedQueueOptions) {
    this.database = new JobDatabase(options.database);
    this.database.recover();
    this.startWaiting();
  }

  async submit(submission: Submission): Promise<Job> {
    const job = checkSubmission(submission);
    const existing = this.database.get(job.id);
    if (existing) return assertSameJob(existing, submission);
    this.checkRoom();
    this.database.add(job, Date.now());
    this.startWaiting();
    return this.database.get(job.id)!;
  }

  async assertRoom(): Promise<void> {
    this.checkRoom();
  }

  async get(id: string): Promise<Job | undefined> {
    return this.database.get(id);
  }

  async list(options: ListOptions = {}): Promise<Job[]> {
    return this.database.list(options);
  }

  async counts(): Promise<QueueCounts> {
    return this.database.counts();
  }

  async cancel(id: string): Promise<boolean> {
    const job = this.database.get(id);
    if (!job || isFinished(job)) return false;
    this.running.get(id)?.controller.abort(new JobStopped("cancelled"));
    this.database.finish(id, "cancelled", Date.now());
    this.tellChanged(id);
    return true;
  }

  async retry(id: string): Promise<boolean> {
    // One that was cancelled may not have noticed yet.
    if (this.database.get(id)?.status === "cancelled") await this.running.get(id)?.ended;
    const status = this.database.get(id)?.status;
    if (status !== "failed" && status !== "cancelled") return false;
    this.checkRoom();
    this.database.requeue(id);
    this.tellChanged(id);
    this.startWaiting();
    return true;
  }

  async delete(id: string): Promise<boolean> {
    if (!this.database.get(id)) return false;
    await this.cancel(id);
    // Until then it may still write a file.
    await this.running.get(id)?.ended;
    // Files first: if this is cut short, the job is still there to be deleted again.
    await this.options.store.deletePrefix(jobPrefix(id));
    this.database.delete(id);
    this.tellChanged(id);
    await this.forgetDeleted();
    return true;
  }

  watch(id: string, signal?: AbortSignal): AsyncGenerator<JobEvent, void, void> {
    const subscribe = async (job: string, listener: (hint: Hint) => void) => {
      for (const name of [job, everyJob]) this.hints.on(name, listener);
      return () => {
        for (const name of [job, everyJob]) this.hints.off(name, listener);
      };
    };
    return watchJob({ get: (job) => this.get(job), subscribe }, id, signal);
  }

  close({ drainMs = Number.POSITIVE_INFINITY }: { drainMs?: number } = {}): Promise<void> {
    this.closing ??= this.drain(drainMs);
    return this.closing;
  }

  private async drain(drainMs: number): Promise<void> {
    clearTimeout(this.timer);
    clearTimeout(this.placesTimer);
    const stop = () => {
      for (const { controller } of this.running.values()) controller.abort(new JobStopped("draining"));
    };
    const timer = Number.isFinite(drainMs) ? setTimeout(stop, drainMs) : undefined;
    await Promise.all([...this.running.values()].map(({ ended }) => ended));
    clearTimeout(timer);
    // Those who watch have now looked for the last time.
    await setImmediate();
    await this.forgetting;
    this.hints.emit(everyJob, { type: "closed" } satisfies Hint);
    this.database.close();
  }

  private forgetDeleted(): Promise<void> {
    this.forgetting ??= sleep(forgetAfterMs).then(() => {
      this.forgetting = undefined;
      this.database.forgetDeleted();
    });
    return this.forgetting;
  }

  /** @throws InputError if the queue closes; QueueFullError */
  private checkRoom(): void {
    if (this.closing) throw new InputError("the server is shutting down; try again when it is back");
    const queued = this.database.waitingCount();
    const { maxQueued = queueDefaults.maxQueued, concurrency = 1 } = this.options;
    if (queued >= maxQueued) throw queueFull(queued, this.database.meanDurationMs(), concurrency);
  }

  /** Begins jobs until as many run as may, and comes back when one waits for its next attempt. */
  private startWaiting(): void {
    clearTimeout(this.timer);
    const { concurrency = 1, maxAttempts = queueDefaults.maxAttempts } = this.options;
    while (!this.closing && this.running.size < concurrency) {
      const job = this.database.startNext(Date.now());
      if (!job) break;
      if (job.attempts > maxAttempts) this.database.finish(job.id, "failed", Date.now(), workerLost(maxAttempts));
      else this.start(job);
      this.tellChanged(job.id);
    }
    const nextMs = this.running.size < concurrency ? this.database.nextStartMs() : undefined;
    if (nextMs === undefined || this.closing) return;
    this.timer = setTimeout(() => this.startWaiting(), Math.max(0, nextMs - Date.now()));
  }

  private start(job: Job): void {
    const controller = new AbortController();
    const ended = this.attempt(job, controller.signal).finally(() => {
      this.running.delete(job.id);
      this.tellChanged(job.id);
      this.startWaiting();
    });
    this.running.set(job.id, { controller, ended });
  }

  /** Runs a job, and puts down what became of it. Never rejects for what the job does. */
  private async attempt(job: Job, signal: AbortSignal): Promise<void> {
    const { id } = job;
    const stopped = () => (signal.reason instanceof JobStopped ? signal.reason.why : undefined);
    try {
      await this.options.run(job, this.reporter(id, signal));
      if (stopped() !== "cancelled") this.database.finish(id, "succeeded", Date.now());
    } catch (error) {
      if (stopped() === "cancelled") return;
      if (stopped() === "draining") this.database.withdraw(id);
      else this.fail(id, error);
    }
  }

  private fail(id: string, error: unknown): void {
    const { maxAttempts = queueDefaults.maxAttempts, retryDelayMs } = this.options;
    const { attempts } = this.database.get(id)!;
    const described = describeError(error);
    if (isPermanent(error) || attempts >= maxAttempts) this.database.finish(id, "failed", Date.now(), described);
    else this.database.postpone(id, Date.now() + retryDelay(attempts, retryDelayMs), described);
  }

  private reporter(id: string, signal: AbortSignal): JobReporter {
    return {
      signal,
      progress: (progress) => this.tell(id, { type: "progress", ...progress }),
      preview: (preview) => this.tell(id, { type: "preview", ...preview }),
      file: async (file) => {
        this.database.addFile(id, file);
        this.tell(id, { type: "changed" });
      },
      advance: async () => this.database.advance(id),
    };
  }

  private tell(id: string, hint: Hint): void {
    this.hints.emit(id, hint);
  }

  /** A job has another status, so others may have another place: of that they are told a little later, once for many changes. */
  private tellChanged(id: string): void {
    this.tell(id, { type: "changed" });
    if (this.closing) return;
    this.placesTimer ??= setTimeout(() => {
      this.placesTimer = undefined;
      for (const [position, waiting] of this.database.waiting().entries())
        this.tell(waiting, { type: "moved", position });
    }, placesEveryMs);
  }
}
