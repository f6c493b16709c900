import { type Job as BullJob, Queue, UnrecoverableError, WaitingError, Worker } from "bullmq";
import { Redis } from "ioredis";
import { type Job, type JobError, jobPrefix } from "./job.js";
import { describeError, isPermanent, JobStopped, retryDelay, workerLost } from "./outcome.js";
import { type JobReporter, type QueueOptions, queueDefaults, type RunJob } from "./queue.js";
import { encodeHint, hintChannel, keys, queueName, RedisChannels, redisPrefix, stopChannel } from "./redis-channels.js";
import { fileFieldOf, type JobData, readJob, removeJob, unlimitedAttempts } from "./redis-record.js";
import type { ResultStore } from "./store.js";
import type { Hint } from "./watch.js";

/** What a worker did, for a log. */
export type WorkerEvent =
  | { readonly type: "started"; readonly job: Job }
  | { readonly type: "ended"; readonly job: Job; readonly ms: number; readonly error?: JobError | undefined }
  | { readonly type: "trouble"; readonly message: string };

export interface RedisWorkerOptions extends Omit<QueueOptions, "maxQueued"> {
  readonly url: string;
  readonly store: ResultStore;
  readonly run: RunJob;
  /** Jobs at once; default 1, since one job uses all cores. */
  readonly concurrency?: number | undefined;
  /** A worker that has not been heard of for so long has lost its jobs; default 15,000 ms. */
  readonly lockMs?: number | undefined;
  readonly onEvent?: ((event: WorkerEvent) => void) | undefined;
}

/** Tells BullMQ when the next attempt is due. */
class RetryLater extends Error {
  constructor(
    message: string,
    readonly delayMs: number,
  ) {
    super(message);
  }
}

/** Runs jobs of a `RedisQueue`. Begins at once; any number may share a queue. */
export class RedisWorker {
  private readonly redis: Redis;
  private readonly subscriber: Redis;
  private readonly queue: Queue<JobData>;
  private readonly worker: Worker<JobData>;
  private readonly running = new Map<string, AbortController>();

  constructor(private readonly options: RedisWorkerOptions) {
    const { url, concurrency = 1, lockMs = 15_000 } = options;
    const onError = ({ message }: Error) => options.onEvent?.({ type: "trouble", message });
    // Without a limit of tries: a job in work waits for a Redis that restarts.
    const connect = () => new Redis(url, { maxRetriesPerRequest: null }).on("error", onError);
    [this.redis, this.subscriber] = [connect(), connect()];
    const channels = new RedisChannels(this.subscriber, () => void this.stopThoseToStop().catch(onError));
    channels.subscribe(stopChannel, (id) => void this.stopIfAsked(id).catch(onError)).catch(onError);
    const shared = { connection: this.redis, prefix: redisPrefix };
    this.queue = new Queue<JobData>(queueName, shared);
    this.queue.on("error", onError);
    this.worker = new Worker<JobData>(queueName, (job, token) => this.process(job, token!), {
      ...shared,
      concurrency,
      lockDuration: lockMs,
      // Redis takes whole milliseconds only.
      stalledInterval: Math.ceil(lockMs / 3),
      maxStalledCount: unlimitedAttempts,
      settings: { backoffStrategy: (_attempts, _type, error) => (error instanceof RetryLater ? error.delayMs : 0) },
    });
    this.worker.on("error", onError);
    this.worker.on("lockRenewalFailed", (ids) => {
      for (const id of ids) this.running.get(id)?.abort(new JobStopped("lost"));
    });
    this.worker.on("completed", ({ id }) => this.tell(id!, { type: "changed" }));
    this.worker.on("failed", (job) => void (job && this.afterFailure(job.id!).catch(onError)));
  }

  /** Resolves when the worker has reached Redis. */
  async ready(): Promise<void> {
    await this.worker.waitUntilReady();
    await this.removeDeleted();
  }

  /** Takes no more jobs, and waits for those in work; what has not ended within `drainMs` goes back to the queue. */
  async close({ drainMs = Number.POSITIVE_INFINITY }: { drainMs?: number } = {}): Promise<void> {
    const stop = () => {
      for (const controller of this.running.values()) controller.abort(new JobStopped("draining"));
    };
    const timer = Number.isFinite(drainMs) ? setTimeout(stop, drainMs) : undefined;
    await this.worker.close();
    clearTimeout(timer);
    await this.queue.close();
    this.subscriber.disconnect();
    this.redis.disconnect();
  }

  private async process(bullJob: BullJob<JobData>, token: string): Promise<void> {
    const id = bullJob.id!;
    const controller = new AbortController();
    this.running.set(id, controller);
    try {
      await this.stopIfAsked(id);
      controller.signal.throwIfAborted();
      await this.attempt(id, controller.signal);
    } catch (error) {
      const reason = controller.signal.reason;
      if (!(reason instanceof JobStopped)) throw error;
      await this.leave(bullJob, token, reason);
    } finally {
      this.running.delete(id);
    }
  }

  private async attempt(id: string, signal: AbortSignal): Promise<void> {
    const { maxAttempts = queueDefaults.maxAttempts, onEvent, run } = this.options;
    const attempts = await this.redis.hincrby(keys.state(id), "attempts", 1);
    if (attempts > maxAttempts) throw await this.failure(id, workerLost(maxAttempts));
    await this.redis.hdel(keys.state(id), "error");
    const job = await readJob(this.queue, this.redis, id);
    // It is being deleted.
    if (!job) throw new JobStopped("cancelled");
    const startMs = performance.now();
    const end = (error?: JobError) =>
      onEvent?.({ type: "ended", job, ms: Math.round(performance.now() - startMs), error });
    onEvent?.({ type: "started", job });
    this.tell(id, { type: "changed" });
    try {
      await run(job, this.reporter(id, signal));
      signal.throwIfAborted();
      end();
    } catch (error) {
      const described = describeError(error);
      end(described);
      if (signal.aborted) throw error;
      const tried = Number(await this.redis.hget(keys.state(id), "attempts"));
      throw await this.failure(id, described, isPermanent(error) || tried >= maxAttempts ? undefined : tried);
    }
  }

  /** Puts an error down. @returns what tells BullMQ to try again, if attempts are left, or else to give up */
  private async failure(id: string, error: JobError, attempts?: number): Promise<Error> {
    await this.redis.hset(keys.state(id), "error", JSON.stringify(error));
    if (attempts === undefined) return new UnrecoverableError(error.code);
    return new RetryLater(error.code, retryDelay(attempts, this.options.retryDelayMs));
  }

  /** Ends a job that was stopped. */
  private async leave(bullJob: BullJob<JobData>, token: string, { why }: JobStopped): Promise<never> {
    const id = bullJob.id!;
    if (why === "draining") {
      await this.redis.hincrby(keys.state(id), "attempts", -1);
      await bullJob.moveToWait(token);
      this.tell(id, { type: "changed" });
      throw new WaitingError();
    }
    if (why === "cancelled" && (await this.redis.hget(keys.stopping, id)) === "cancelled")
      await this.redis.multi().sadd(keys.cancelled, id).hdel(keys.stopping, id).exec();
    throw new UnrecoverableError(why);
  }

  /** BullMQ has put a failure down: those who watch look, and what was to be deleted is. */
  private async afterFailure(id: string): Promise<void> {
    if ((await this.redis.hget(keys.stopping, id)) === "deleted") {
      await this.options.store.deletePrefix(jobPrefix(id));
      await removeJob(this.queue, this.redis, id);
    }
    this.tell(id, { type: "changed" });
  }

  /** Removes jobs whose worker ended just before it would have: they hold embeddings. */
  private async removeDeleted(): Promise<void> {
    for (const [id, why] of Object.entries(await this.redis.hgetall(keys.stopping))) {
      const state = await (await this.queue.getJob(id))?.getState();
      if (why === "deleted" && (state === "failed" || state === "completed")) await this.afterFailure(id);
    }
  }

  private reporter(id: string, signal: AbortSignal): JobReporter {
    const advance = async () => {
      await this.redis.hset(keys.state(id), "attempts", 1);
    };
    return {
      signal,
      progress: (progress) => this.tell(id, { type: "progress", ...progress }),
      preview: (preview) => this.tell(id, { type: "preview", ...preview }),
      file: async (file) => {
        const isNew = await this.redis.hsetnx(keys.state(id), fileFieldOf(file.key), JSON.stringify(file));
        if (isNew) await advance();
        this.tell(id, { type: "changed" });
      },
      advance,
    };
  }

  /** Hints to those who watch. While Redis is away there is nobody to tell: they look again when it is back. */
  private tell(id: string, hint: Exclude<Hint, { type: "closed" | "moved" }>): void {
    if (this.redis.status !== "ready") return;
    this.redis.publish(hintChannel(id), encodeHint(hint)).catch(() => undefined);
  }

  private async stopIfAsked(id: string): Promise<void> {
    const controller = this.running.get(id);
    if (controller && (await this.redis.hexists(keys.stopping, id))) controller.abort(new JobStopped("cancelled"));
  }

  private async stopThoseToStop(): Promise<void> {
    await Promise.all([...this.running.keys()].map((id) => this.stopIfAsked(id)));
  }
}
