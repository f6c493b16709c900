import { randomInt } from "node:crypto";
import { InputError } from "../../errors.js";
import { assertSameRecogniser } from "../../face/identity.js";
import type { JobQueue } from "../../jobs/queue.js";
import type { PageQuery } from "../api/common.js";
import type { Generation, NewGeneration } from "../api/generations.js";
import { type EventSource, eventStream, finalId } from "../event-stream.js";
import { newId } from "../ids.js";
import type { Metrics } from "../metrics.js";
import type { ModelShelf } from "../models.js";
import type { Limits } from "../options.js";
import { conflict, describeError, notFound, tooMany, unusableEmbedding } from "../problem.js";
import type { GenerationFilter, StoredGeneration } from "../store/generations.js";
import type { Page } from "../store/rows.js";
import type { Tables } from "../store/tables.js";
import { jobIdOf, type Recorder } from "./recorder.js";
import { findSubject, type Subject } from "./subject.js";

export interface GenerationsOptions {
  readonly tables: Tables;
  readonly queue: JobQueue;
  readonly models: ModelShelf;
  readonly recorder: Recorder;
  readonly metrics: Metrics;
  readonly limits: Limits;
}

/** Least time between two previews of an image. */
const previewEveryMs = 500;
const seedLimit = 2 ** 32;

/** Starts, shows and ends generations. */
export class Generations {
  private streams = 0;

  constructor(private readonly options: GenerationsOptions) {}

  /** Goes on with what was queued or ran when the server ended. */
  async resume(): Promise<void> {
    const { generations, identities } = this.options.tables;
    for (const id of generations.unfinished()) {
      const { request } = generations.get(id)!;
      try {
        const subject = findSubject(identities, request.identity);
        // The job is there already, unless the server ended between writing the one and the other.
        await this.submit(id, request, subject);
        this.options.recorder.follow(id, subject);
      } catch (error) {
        generations.finish(id, "failed", describeError(error).problem);
      }
    }
  }

  async start(asked: NewGeneration): Promise<Generation> {
    const { tables, recorder, queue } = this.options;
    const subject = findSubject(tables.identities, asked.identity);
    await queue.assertRoom();
    const request = await this.fillIn(asked, subject);
    const id = newId();
    tables.generations.insert(id, request);
    try {
      await this.submit(id, request, subject);
    } catch (error) {
      tables.generations.delete(id);
      throw error;
    }
    recorder.follow(id, subject);
    return this.get(id);
  }

  get(id: string): Generation {
    return this.show(this.need(id));
  }

  list({ limit, cursor, ...filter }: PageQuery & GenerationFilter): Page<Generation> {
    const { items, next } = this.options.tables.generations.list(limit, cursor, filter);
    return { items: items.map((item) => this.show(item)), next };
  }

  async cancel(id: string): Promise<Generation> {
    this.need(id);
    const { queue, recorder } = this.options;
    await queue.cancel(jobIdOf(id));
    // What was finished before is written down first.
    await recorder.settle(id);
    return this.get(id);
  }

  /** Removes a generation with its images, after stopping it. */
  async delete(id: string): Promise<void> {
    this.need(id);
    await this.options.queue.delete(jobIdOf(id));
    this.options.tables.generations.delete(id);
    this.options.recorder.channel(id)?.close();
  }

  /** @returns undefined if the client has seen the end */
  watch(id: string, lastId: number): ReadableStream<Uint8Array> | undefined {
    this.need(id);
    if (lastId >= finalId) return undefined;
    const { limits, metrics, recorder, tables } = this.options;
    if (this.streams >= limits.eventStreams)
      throw tooMany("too many event streams are open; close some, or try later", 5);
    this.streams++;
    metrics.eventStreams.inc();
    const source: EventSource = {
      channel: recorder.channel(id),
      look: () => tables.generations.get(id),
      show: (stored) => this.show(stored),
      finishedImages: (from) => tables.images.finished(id, from),
    };
    return eventStream(source, lastId, () => {
      this.streams--;
      metrics.eventStreams.dec();
    });
  }

  /** Keys of the finished images in the result store, by file name. @throws RequestError 409 if there is none */
  archiveEntries(id: string): { name: string; storeKey: string }[] {
    this.need(id);
    const images = this.options.tables.images.stored(id);
    if (images.length === 0) throw conflict("no image of this generation is finished yet; wait for the first");
    return images.map(({ seed, storeKey }) => ({ name: `${seed}.png`, storeKey }));
  }

  private need(id: string): StoredGeneration {
    const found = this.options.tables.generations.get(id);
    if (!found) throw notFound("generation");
    return found;
  }

  private show(stored: StoredGeneration): Generation {
    const { tables, recorder } = this.options;
    const channel = recorder.channel(stored.id);
    const { count, steps } = stored.request;
    const told = channel?.progress?.event;
    const isDone = stored.status === "done";
    return {
      ...stored,
      ahead: stored.status === "queued" ? (channel?.ahead ?? 0) : null,
      progress: told
        ? { stepsDone: told.stepsDone, stepsTotal: told.stepsTotal }
        : { stepsDone: isDone ? count * steps : 0, stepsTotal: count * steps },
      images: tables.images.shown(stored.id),
    };
  }

  /** Checks a request against the limits and the model, and fills in what it leaves open. */
  private async fillIn(asked: NewGeneration, subject: Subject): Promise<Generation["request"]> {
    const { limits, models } = this.options;
    const model = asked.model ?? models.defaultName;
    if (model === undefined) throw conflict("this server has no model; start it with --model NAME=SOURCE");
    const { defaults, embeddingSize, recogniser } = await models.describe(model);
    assertAtMost("count", asked.count, limits.imagesPerGeneration);
    const steps = asked.steps ?? defaults.steps;
    assertAtMost("steps", steps, limits.stepsPerImage);
    assertFits(subject, embeddingSize, recogniser, model);
    return {
      identity: asked.identity,
      model,
      count: asked.count,
      steps,
      guidance: asked.guidance ?? defaults.guidanceScale,
      sampler: asked.sampler ?? defaults.sampler,
      seed: asked.seed === "random" ? randomInt(seedLimit - asked.count) : asked.seed,
      previews: asked.previews,
    };
  }

  private async submit(id: string, request: Generation["request"], { embedding }: Subject): Promise<void> {
    const { model, count, steps, guidance, sampler, seed, previews } = request;
    await this.options.queue.submit({
      id: jobIdOf(id),
      kind: "generate",
      input: {
        model,
        faceEmbeddings: [Array.from(embedding)],
        count,
        steps,
        guidanceScale: guidance,
        sampler,
        seed,
        previewEveryMs: previews ? previewEveryMs : 0,
      },
    });
  }
}

function assertAtMost(name: string, value: number, most: number): void {
  if (value > most) throw new InputError(`${name} is ${value}; this server makes at most ${most}`);
}

function assertFits(
  { embedding, recogniser }: Subject,
  size: number,
  expected: Subject["recogniser"],
  model: string,
): void {
  if (embedding.length !== size) {
    throw unusableEmbedding(
      `the identity has ${embedding.length} numbers, and model ${model} takes ${size}; choose another model`,
    );
  }
  try {
    assertSameRecogniser(recogniser ? { recogniser } : {}, expected);
  } catch (error) {
    throw unusableEmbedding((error as Error).message);
  }
}
