import { setTimeout as sleep } from "node:timers/promises";
import { DownloadError } from "../errors.js";

/** A failure that may pass: a cut connection, a busy server. Never leaves the hub. */
export class TransientError extends Error {
  /** The server's wish, in milliseconds. */
  readonly retryAfterMs: number;
  /** Part of the work was done before the failure, so that it does not count towards giving up. */
  readonly progressed: boolean;

  constructor(message: string, options: ErrorOptions & { retryAfterMs?: number; progressed?: boolean } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs ?? 0;
    this.progressed = options.progressed ?? false;
  }
}

export interface RetryOptions {
  readonly signal?: AbortSignal | undefined;
  /** Pause before the second attempt, doubled for each later one; 500 ms if not given. */
  readonly retryDelayMs?: number | undefined;
}

const maxFailures = 5;
const maxPauseMs = 60_000;

/**
 * Runs `attempt` again, after growing pauses, while it throws TransientError.
 * @throws DownloadError after five failures in a row without progress
 */
export async function withRetries<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let failures = 0; ; ) {
    options.signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof TransientError)) throw error;
      failures = error.progressed ? 1 : failures + 1;
      if (failures === maxFailures) {
        throw new DownloadError(
          `${error.message}. Gave up after ${maxFailures} attempts; check the network, then run it again`,
          { cause: error },
        );
      }
      const backoffMs = (options.retryDelayMs ?? 500) * 2 ** (failures - 1);
      await pause(Math.min(Math.max(error.retryAfterMs, backoffMs), maxPauseMs), options.signal);
    }
  }
}

async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch {
    // The timer's own error hides why; the signal knows.
    signal?.throwIfAborted();
  }
}
