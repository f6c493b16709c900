import { createHash } from "node:crypto";
import { setMaxListeners } from "node:events";
import { readGeneration } from "../../image/encode.js";
import type { JobEvent, ResultFile } from "../../jobs/job.js";
import type { JobQueue } from "../../jobs/queue.js";
import { type ResultStore, readStored } from "../../jobs/store.js";
import { parseGenerationRecord } from "../../pipeline/metadata.js";
import { Channel } from "../channels.js";
import type { FaceAnalyser } from "../faces/analyser.js";
import type { Metrics } from "../metrics.js";
import { describeJobError } from "../problem.js";
import type { Tables } from "../store/tables.js";
import type { Subject } from "./subject.js";

export interface RecorderOptions {
  readonly queue: JobQueue;
  readonly store: ResultStore;
  readonly tables: Tables;
  readonly faces: FaceAnalyser;
  readonly metrics: Metrics;
  readonly log: (message: string, error: unknown) => void;
}

/** The queue's name of a generation's job. */
export function jobIdOf(generation: string): string {
  return `generation-${generation}`;
}

/** Follows the jobs of generations: writes down what is finished, and tells those who watch what passes. */
export class Recorder {
  private readonly channels = new Map<string, Channel>();
  private readonly followed = new Map<string, Promise<void>>();
  private isStopping = false;
  private readonly stopping = new AbortController();

  constructor(private readonly options: RecorderOptions) {
    // Every generation that is followed listens.
    setMaxListeners(0, this.stopping.signal);
  }

  /** What passes while a generation is made; undefined once it has ended. */
  channel(generation: string): Channel | undefined {
    return this.channels.get(generation);
  }

  /** Follows a generation whose job was submitted. @param subject whom it shows */
  follow(generation: string, subject: Subject): void {
    const channel = new Channel();
    this.channels.set(generation, channel);
    const following = this.run(generation, subject, channel)
      .catch((error: unknown) => {
        // A queue that is closed cannot be looked at.
        if (!this.isStopping) this.options.log(`following generation ${generation}`, error);
      })
      .finally(() => {
        this.channels.delete(generation);
        channel.close();
        this.followed.delete(generation);
      });
    this.followed.set(generation, following);
  }

  /** Settles when a generation is no longer followed: all of it is written down. */
  async settle(generation: string): Promise<void> {
    await this.followed.get(generation);
  }

  /**
   * Stops to follow, once the queue is closed. What is not written down by then will be after the next start.
   * @param queueClosed settles when no job runs here any more
   */
  async stop(queueClosed: Promise<void>): Promise<void> {
    this.isStopping = true;
    await queueClosed;
    this.stopping.abort();
    await Promise.all(this.followed.values());
  }

  private async run(generation: string, subject: Subject, channel: Channel): Promise<void> {
    const { queue, tables, metrics } = this.options;
    const steps = tables.generations.get(generation)?.request.steps ?? 0;
    let stepsDone = 0;
    const pace = metrics.startPace();
    for await (const event of queue.watch(jobIdOf(generation), this.stopping.signal)) {
      switch (event.type) {
        case "queued":
          channel.tellAhead(event.position);
          break;
        case "started":
          tables.generations.start(generation, Date.now());
          channel.tellTable();
          break;
        case "progress": {
          const { done, total, step = 0, images = [] } = event;
          // After the last step of a batch its images are counted one by one, as they are stored.
          stepsDone = Math.max(stepsDone, done * steps + step * images.length);
          pace(stepsDone);
          const seeds = images.map(({ seed }) => seed);
          channel.tellProgress({ type: "progress", stepsDone, stepsTotal: total * steps, seeds });
          break;
        }
        case "preview": {
          const { seed, step, steps } = event;
          const picture = `data:image/png;base64,${Buffer.from(event.png).toString("base64")}`;
          channel.tellPreview({ type: "preview", seed, step, steps, picture });
          break;
        }
        case "file":
          await this.record(generation, subject, event.file);
          channel.tellTable();
          break;
        case "retrying":
          tables.generations.requeue(generation);
          channel.tellTable();
          break;
        default:
          this.finish(generation, event);
      }
    }
  }

  private finish(generation: string, event: Extract<JobEvent, { type: "succeeded" | "failed" | "cancelled" }>): void {
    const { tables, metrics, log } = this.options;
    const status = event.type === "succeeded" ? "done" : event.type;
    const error = event.type === "failed" ? describeJobError(event.error) : undefined;
    if (event.type === "failed") log(`generation ${generation} has failed`, event.error);
    tables.generations.finish(generation, status, error);
    metrics.generations.inc({ status });
  }

  /** Measures an image and writes it down, unless that was done before. */
  private async record(generation: string, subject: Subject, file: ResultFile): Promise<void> {
    const { store, tables, metrics } = this.options;
    const { seed } = file;
    if (seed === undefined || tables.images.has(generation, seed)) return;
    const png = await readStored(store, file.key);
    const record = parseGenerationRecord(readGeneration(png));
    const resemblance = await this.compare(png, subject);
    // Deleted while it was measured.
    if (!tables.generations.get(generation)) return;
    tables.images.insert({
      generation,
      storeKey: file.key,
      seed,
      widthPx: record.widthPx,
      heightPx: record.heightPx,
      bytes: png.length,
      sha256: createHash("sha256").update(png).digest("hex"),
      ...resemblance,
      record,
    });
    metrics.images.inc();
  }

  /** An image that cannot be measured is an image all the same. */
  private async compare(png: Uint8Array, { embedding, recogniser }: Subject) {
    const unknown = { faceFound: null, similarity: null, threshold: null };
    if (recogniser === undefined) return unknown;
    try {
      const { recogniser: own, threshold = null } = await this.options.faces.describe();
      if (own.sha256 !== recogniser.sha256) return unknown;
      return { ...(await this.options.faces.compare(png, embedding)), threshold };
    } catch (error) {
      this.options.log("comparing an image with its identity", error);
      return unknown;
    }
  }
}
