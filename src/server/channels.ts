import type { GenerationEvent } from "./api/generations.js";

type Progress = Extract<GenerationEvent, { type: "progress" }>;
type Preview = Extract<GenerationEvent, { type: "preview" }>;

/** A passing state, and when it was told. */
interface Told<Event> {
  readonly version: number;
  readonly event: Event;
}

/**
 * What passes while a generation is made, for all who watch it. Only the latest of each kind is kept, so nothing piles up
 * for readers that are slow: each asks for what it has not seen when it has room for it.
 */
export class Channel {
  isClosed = false;
  /** Changes whenever the tables have news of the generation. */
  tableVersion = 0;
  /** Generations that come before; null until it is known. */
  ahead: number | null = null;
  progress: Told<Progress> | undefined;
  readonly previews = new Map<number, Told<Preview>>();
  private version = 0;
  private readonly listeners = new Set<() => void>();

  tellTable(): void {
    this.tableVersion++;
    this.wake();
  }

  tellAhead(ahead: number): void {
    this.ahead = ahead;
    this.wake();
  }

  tellProgress(event: Progress): void {
    this.progress = { version: ++this.version, event };
    // Previews of images that are finished are of no use to those who come late.
    for (const seed of this.previews.keys()) if (!event.seeds.includes(seed)) this.previews.delete(seed);
    this.wake();
  }

  tellPreview(event: Preview): void {
    this.previews.set(event.seed, { version: ++this.version, event });
    this.wake();
  }

  /** The oldest passing state that is newer than `version`. */
  next(version: number): Told<Progress | Preview> | undefined {
    const told = [...(this.progress ? [this.progress] : []), ...this.previews.values()];
    return told.filter((one) => one.version > version).sort((a, b) => a.version - b.version)[0];
  }

  /** Nothing more will be told. */
  close(): void {
    this.isClosed = true;
    this.tellTable();
  }

  /** Calls `listener` at every news. @returns ends that */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private wake(): void {
    for (const listener of this.listeners) listener();
  }
}
