import { InputError } from "../errors.js";
import { isFinished, type Job, type JobEvent, type JobPreview, type JobProgress } from "./job.js";

/** What a backend says to those who watch a job. */
export type Hint =
  | { readonly type: "changed" }
  /** Others have left the queue; the job itself has not changed. */
  | { readonly type: "moved"; readonly position: number }
  | ({ readonly type: "progress" } & JobProgress)
  | ({ readonly type: "preview" } & JobPreview)
  /** The queue is closed here: nothing more will be heard. */
  | { readonly type: "closed" };

export interface WatchSource {
  get(id: string): Promise<Job | undefined>;
  /** Calls `listener` with hints on a job. @returns ends that */
  subscribe(id: string, listener: (hint: Hint) => void): Promise<() => void>;
  /** Look at the job at least this often, in ms, where a hint may get lost. */
  readonly pollMs?: number | undefined;
}

/**
 * Follows a job. What must not be lost (status, files) is the difference of two looks at the job; hints only say when to look.
 * Of what passes (place in the queue, progress, previews) the newest is kept. So a slow reader costs nothing, and a place that
 * moves costs nobody a look.
 * @throws InputError if there is no such job
 */
export async function* watchJob(
  source: WatchSource,
  id: string,
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<JobEvent, void, void> {
  const inbox = new Inbox();
  const unsubscribe = await source.subscribe(id, inbox.put);
  const wake = () => inbox.wake();
  signal.addEventListener("abort", wake);
  try {
    let last: Job | undefined;
    while (!signal.aborted && !inbox.isClosed) {
      if (inbox.takeChanged()) {
        const job = await source.get(id);
        if (!job && !last) throw new InputError(`there is no job ${id}; it may have been deleted`);
        yield* inbox.takeNews();
        // Deleted while it was watched.
        const now: Job = job ?? { ...last!, status: "cancelled" };
        yield* differences(last, now);
        last = now;
        if (isFinished(now)) return;
      }
      const position = inbox.takePosition();
      if (last?.status === "queued" && position !== undefined && position !== last.position) {
        last = { ...last, position };
        yield { type: "queued", position };
      }
      yield* inbox.takeNews();
      if (!signal.aborted) await inbox.wait(source.pollMs);
    }
  } finally {
    signal.removeEventListener("abort", wake);
    unsubscribe();
  }
}

/** What has happened between two looks at a job. */
function* differences(before: Job | undefined, now: Job): Generator<JobEvent, void, void> {
  const known = new Set(before?.files.map(({ key }) => key));
  if (now.status === "queued") {
    if (now.error && before?.status === "running") yield { type: "retrying", error: now.error };
    if (now.position !== undefined && (before?.status !== "queued" || now.position !== before.position))
      yield { type: "queued", position: now.position };
  }
  const isStarted = now.startedAtMs !== undefined && now.startedAtMs !== before?.startedAtMs;
  if (isStarted && now.status !== "queued") yield { type: "started", attempt: now.attempts };
  for (const file of now.files) if (!known.has(file.key)) yield { type: "file", file };
  if (now.status === "failed") yield { type: "failed", job: now, error: now.error! };
  else if (now.status === "succeeded" || now.status === "cancelled") yield { type: now.status, job: now };
}

/** Hints that were not looked at yet. */
class Inbox {
  isClosed = false;
  private isChanged = true;
  private position: number | undefined;
  private progress: JobEvent | undefined;
  /** By image. */
  private readonly previews = new Map<string, JobEvent>();
  private resolve: (() => void) | undefined;

  readonly put = (hint: Hint): void => {
    if (hint.type === "changed") this.isChanged = true;
    else if (hint.type === "moved") this.position = hint.position;
    else if (hint.type === "closed") this.isClosed = true;
    else if (hint.type === "progress") this.progress = hint;
    else this.previews.set(`${hint.identity}-${hint.seed}`, hint);
    this.wake();
  };

  wake(): void {
    this.resolve?.();
  }

  takeChanged(): boolean {
    const changed = this.isChanged;
    this.isChanged = false;
    // Who looks sees a newer one.
    if (changed) this.position = undefined;
    return changed;
  }

  takePosition(): number | undefined {
    const { position } = this;
    this.position = undefined;
    return position;
  }

  *takeNews(): Generator<JobEvent, void, void> {
    const news = [...(this.progress ? [this.progress] : []), ...this.previews.values()];
    this.progress = undefined;
    this.previews.clear();
    yield* news;
  }

  /** Until something is put or, at the latest, after `pollMs`, when it is time to look. */
  async wait(pollMs: number | undefined): Promise<void> {
    if (this.isClosed || this.isChanged || this.position !== undefined) return;
    if (this.progress || this.previews.size > 0) return;
    await new Promise<void>((resolve) => {
      const timer = pollMs === undefined ? undefined : setTimeout(() => this.put({ type: "changed" }), pollMs);
      this.resolve = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.resolve = undefined;
  }
}
