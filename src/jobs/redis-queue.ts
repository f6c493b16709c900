import { setTimeout } from "node:timers/promises";
import { type Job as BullJob, Queue } from "bullmq";
import { Redis } from "ioredis";
import { InputError } from "../errors.js";
import { isFinished, type Job, type JobEvent, jobPrefix } from "./job.js";
import { assertSameJob, checkSubmission, queueFull } from "./outcome.js";
import {
  type JobQueue,
  type ListOptions,
  type QueueCounts,
  type QueueOptions,
  queueDefaults,
  type Submission,
} from "./queue.js";
import { decodeHint, hintChannel, keys, queueName, RedisChannels, redisPrefix, stopChannel } from "./redis-channels.js";
import { type JobData, readJob, removeJob, unlimitedAttempts, waitKey } from "./redis-record.js";
import type { ResultStore } from "./store.js";
import { type Hint, watchJob } from "./watch.js";

export interface RedisQueueOptions extends Pick<QueueOptions, "maxQueued"> {
  /** `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss://` */
  readonly url: string;
  readonly store: ResultStore;
  /** Told of connections that break; they come back by themselves. */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** Places in the queue are looked up this often, for all who watch together. */
const placesEveryMs = 2000;
/** Messages that were lost are made up for this often. */
const pollMs = 10_000;
/** How long a worker may take to stop a job that is to be deleted or tried again. */
const stopMs = 10_000;

/** A queue in Redis, whose jobs run in workers: see `RedisWorker`. */
export class RedisQueue implements JobQueue {
  private readonly redis: Redis;
  private readonly subscriber: Redis;
  private readonly channels: RedisChannels;
  private readonly queue: Queue<JobData>;
  /** Who listens to which job here. */
  private readonly watchers = new Map<(hint: Hint) => void, string>();
  private readonly placesTimer: NodeJS.Timeout;

  constructor(private readonly options: RedisQueueOptions) {
    const onError = options.onError ?? (() => undefined);
    this.redis = new Redis(options.url).on("error", onError);
    // Watching goes on however long Redis is away.
    this.subscriber = new Redis(options.url, { maxRetriesPerRequest: null }).on("error", onError);
    this.channels = new RedisChannels(this.subscriber, () => this.tellAll({ type: "changed" }));
    this.queue = new Queue<JobData>(queueName, { connection: this.redis, prefix: redisPrefix });
    this.queue.on("error", onError);
    this.placesTimer = setInterval(() => this.tellPlaces().catch(onError), placesEveryMs).unref();
  }

  async submit(submission: Submission): Promise<Job> {
    const { id, ...data } = checkSubmission(submission);
    const existing = await this.get(id);
    if (existing) return assertSameJob(existing, submission);
    await this.assertRoom();
    const nowMs = Date.now();
    const indexes = [keys.index(), ...(data.group === undefined ? [] : [keys.index(data.group)])];
    await Promise.all(indexes.map((index) => this.redis.zadd(index, "NX", nowMs, id)));
    // Where two submit the same id at once, BullMQ keeps the first.
    await this.queue.add(data.kind, data as JobData, {
      jobId: id,
      timestamp: nowMs,
      attempts: unlimitedAttempts,
      backoff: { type: "custom" },
    });
    return assertSameJob((await this.get(id))!, submission);
  }

  async assertRoom(): Promise<void> {
    const { maxQueued = queueDefaults.maxQueued } = this.options;
    const { queued } = await this.counts();
    if (queued < maxQueued) return;
    const latest = (await this.queue.getCompleted(0, 19)) as BullJob<JobData>[];
    const times = latest.map(({ finishedOn, processedOn }) => finishedOn! - processedOn!);
    const meanMs = times.length > 0 ? times.reduce((sum, ms) => sum + ms) / times.length : undefined;
    throw queueFull(queued, meanMs, await this.queue.getWorkersCount());
  }

  get(id: string): Promise<Job | undefined> {
    return readJob(this.queue, this.redis, id);
  }

  async list({ statuses, kind, group, limit = 100, offset = 0 }: ListOptions = {}): Promise<Job[]> {
    const found: Job[] = [];
    const wanted = (job: Job) => (!statuses || statuses.includes(job.status)) && (!kind || job.kind === kind);
    const pageSize = 100;
    for (let start = 0; found.length < offset + limit; start += pageSize) {
      const ids = await this.redis.zrevrange(keys.index(group), start, start + pageSize - 1);
      const jobs = await Promise.all(ids.map((id) => this.get(id)));
      found.push(...jobs.filter((job) => job !== undefined).filter(wanted));
      if (ids.length < pageSize) break;
    }
    return found.slice(offset, offset + limit);
  }

  async counts(): Promise<QueueCounts> {
    const [counts, stopping, cancelled] = await Promise.all([
      this.queue.getJobCounts("waiting", "delayed", "active", "completed", "failed"),
      this.redis.hlen(keys.stopping),
      this.redis.scard(keys.cancelled),
    ]);
    const { waiting = 0, delayed = 0, active = 0, completed = 0, failed = 0 } = counts;
    return {
      // A job that is being stopped leaves its place to others, also where no worker has come by yet.
      queued: Math.max(0, waiting + delayed - stopping),
      running: active,
      succeeded: completed,
      failed: Math.max(0, failed - cancelled),
      cancelled: cancelled + stopping,
    };
  }

  async cancel(id: string): Promise<boolean> {
    const job = await this.get(id);
    if (!job || isFinished(job)) return false;
    await this.stop(id, "cancelled");
    return true;
  }

  async retry(id: string): Promise<boolean> {
    const job = await this.get(id);
    if (job?.status !== "failed" && job?.status !== "cancelled") return false;
    await this.assertRoom();
    const bullJob = await this.queue.getJob(id);
    if (!(await this.waitUntilIdle(id)))
      throw new InputError(`job ${id} is still being stopped; try again in a moment`);
    // One that no worker has come by still waits.
    if ((await bullJob?.getState()) === "failed") await bullJob?.retry("failed");
    await this.redis
      .multi()
      .hdel(keys.stopping, id)
      .srem(keys.cancelled, id)
      .hdel(keys.state(id), "attempts", "error")
      .publish(hintChannel(id), JSON.stringify({ type: "changed" }))
      .exec();
    return true;
  }

  async delete(id: string): Promise<boolean> {
    const job = await this.get(id);
    if (!job) return false;
    await this.stop(id, "deleted");
    // A worker that is gone does not answer; whoever begins the job then removes it.
    if (await this.waitUntilIdle(id)) await removeJob(this.queue, this.redis, id);
    await this.options.store.deletePrefix(jobPrefix(id));
    await this.redis.zrem(keys.index(), id);
    if (job.group !== undefined) await this.redis.zrem(keys.index(job.group), id);
    return true;
  }

  watch(id: string, signal?: AbortSignal): AsyncGenerator<JobEvent, void, void> {
    const subscribe = async (job: string, listener: (hint: Hint) => void) => {
      this.watchers.set(listener, job);
      const unsubscribe = await this.channels.subscribe(hintChannel(job), (text) => listener(decodeHint(text)));
      return () => {
        this.watchers.delete(listener);
        unsubscribe();
      };
    };
    return watchJob({ get: (job) => this.get(job), subscribe, pollMs }, id, signal);
  }

  /** Jobs run elsewhere, and go on. */
  async close(): Promise<void> {
    clearInterval(this.placesTimer);
    this.tellAll({ type: "closed" });
    await this.queue.close();
    this.subscriber.disconnect();
    this.redis.disconnect();
  }

  private async stop(id: string, why: "cancelled" | "deleted"): Promise<void> {
    await this.redis
      .multi()
      .hset(keys.stopping, id, why)
      .publish(stopChannel, id)
      .publish(hintChannel(id), JSON.stringify({ type: "changed" }))
      .exec();
  }

  /** Waits until no worker has the job. False if one has it still. */
  private async waitUntilIdle(id: string): Promise<boolean> {
    for (const endMs = Date.now() + stopMs; Date.now() < endMs; await setTimeout(20)) {
      const bullJob = await this.queue.getJob(id);
      if ((await bullJob?.getState()) !== "active") return true;
    }
    return false;
  }

  private tellAll(hint: Hint): void {
    for (const listener of this.watchers.keys()) listener(hint);
  }

  private async tellPlaces(): Promise<void> {
    if (this.watchers.size === 0 || this.redis.status !== "ready") return;
    const waiting = (await this.redis.lrange(waitKey, 0, -1)).reverse();
    const places = new Map(waiting.map((id, position) => [id, position]));
    for (const [listener, id] of this.watchers) {
      const position = places.get(id);
      if (position !== undefined) listener({ type: "moved", position });
    }
  }
}
