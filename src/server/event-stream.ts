import type { Generation, GenerationEvent } from "./api/generations.js";
import type { Channel } from "./channels.js";
import type { StoredGeneration } from "./store/generations.js";

/** Where an event stream finds what to tell. */
export interface EventSource {
  /** What the table holds of the generation now; undefined if it was deleted. */
  look(): StoredGeneration | undefined;
  /** The same with all that belongs to it. */
  show(stored: StoredGeneration): Generation;
  /** Images in the order in which they were finished, from the given one on. */
  finishedImages(from: number): Generation["images"];
  /** Undefined once the generation has ended. */
  readonly channel: Channel | undefined;
}

/** Ids of events that are told once: one more than all images can take is the last. */
const queuedId = 1;
const startedId = 2;
const firstImageId = 3;
export const finalId = 1_000_000;

const heartbeatMs = 15_000;
/** A client that has taken nothing for so long while there was something to take is gone. */
const stalledMs = 60_000;

/**
 * Server-sent events of a generation. Events with an id (queued, started, image, the end) reach every client, and after a
 * broken connection those that are missing follow; the ids are the same after a restart of the server. Nothing is written
 * ahead: a client gets the next event when it has taken the one before.
 * @param lastId id of the last event that the client has seen; 0 for none
 * @param onEnd called once, when the stream has ended in whatever way
 */
export function eventStream(source: EventSource, lastId: number, onEnd: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const abort = new AbortController();
  const events = tell(source, lastId, abort.signal);
  let stalled: NodeJS.Timeout | undefined;
  const end = () => {
    clearTimeout(stalled);
    if (abort.signal.aborted) return;
    abort.abort();
    onEnd();
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(stalled);
        const { value, done } = await events.next();
        if (done) {
          end();
          controller.close();
          return;
        }
        controller.enqueue(encoder.encode(value));
        stalled = setTimeout(() => {
          end();
          controller.error(new Error("the client takes no events"));
        }, stalledMs).unref();
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}

async function* tell(
  { channel, ...source }: EventSource,
  lastId: number,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  let seenId = lastId;
  let seenVersion = 0;
  let tableVersion = -1;
  let ahead: number | null = null;
  let isQueued = false;
  yield "retry: 3000\n\n";
  while (!signal.aborted) {
    // Looked at before the tables, so that what changes while they are read is seen in the next round.
    const version = channel?.tableVersion ?? 0;
    if (version !== tableVersion) {
      const generation = source.look();
      if (!generation) return;
      isQueued = generation.status === "queued";
      if (generation.startedAt !== null && seenId < startedId) {
        yield format({ type: "started", startedAt: generation.startedAt }, startedId);
        seenId = startedId;
      }
      for (const image of source.finishedImages(Math.max(0, seenId + 1 - firstImageId))) {
        seenId = Math.max(seenId + 1, firstImageId);
        yield format({ type: "image", image }, seenId);
      }
      if (generation.status !== "queued" && generation.status !== "running") {
        if (seenId < finalId) yield format({ type: generation.status, generation: source.show(generation) }, finalId);
        return;
      }
      tableVersion = version;
    }
    if (!channel) return;
    if (isQueued && channel.ahead !== null && channel.ahead !== ahead) {
      ahead = channel.ahead;
      yield format({ type: "queued", ahead }, seenId < queuedId ? queuedId : undefined);
      seenId = Math.max(seenId, queuedId);
      continue;
    }
    const told = channel.next(seenVersion);
    if (told) {
      seenVersion = told.version;
      yield format(told.event, undefined);
    } else if (channel.isClosed && channel.tableVersion === tableVersion) return;
    else if (channel.tableVersion === tableVersion && !(await news(channel, signal))) yield ": still there\n\n";
  }
}

/** Waits for news. @returns false if there were none for long */
function news(channel: Channel, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (isNews: boolean) => {
      clearTimeout(timer);
      unsubscribe();
      signal.removeEventListener("abort", wake);
      resolve(isNews);
    };
    const wake = () => finish(true);
    const timer = setTimeout(() => finish(false), heartbeatMs);
    const unsubscribe = channel.subscribe(wake);
    signal.addEventListener("abort", wake);
    if (signal.aborted) wake();
  });
}

/** JSON holds no line breaks, so one `data` line is enough. */
function format(event: GenerationEvent, id: number | undefined): string {
  const idLine = id === undefined ? "" : `id: ${id}\n`;
  return `${idLine}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
