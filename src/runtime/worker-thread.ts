import { Worker } from "node:worker_threads";
import { DeviceError } from "../errors.js";
import { threadEntry } from "./entry.js";
import { ortError } from "./ort-error.js";
import type { Reply, RequestKind, Requests } from "./protocol.js";

interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** Buffers that move to the worker instead of being copied. */
  readonly transfer?: ArrayBuffer[];
}

/**
 * Threads of released sessions, to be used again: starting one takes a tenth of a second, which counts where sessions
 * are many and short. One is enough, as they come one after the other.
 */
const idle: WorkerThread[] = [];
const maxIdle = 1;

/** A thread without a session, or one whose sessions will take turns with one more. */
export function takeThread(beside?: WorkerThread): WorkerThread {
  const thread = beside ?? idle.pop() ?? new WorkerThread();
  thread.users++;
  return thread;
}

/** Gives a thread back whose session was released or did not load. It must not be working for that session. */
export async function returnThread(thread: WorkerThread): Promise<void> {
  if (--thread.users > 0) return;
  if (idle.length < maxIdle && thread.isUsable) idle.push(thread);
  else await thread.terminate();
}

/**
 * The main thread's end of a worker. Requests wait their turn here, so one that is aborted before its turn
 * never runs. The worker keeps the process alive only while it works.
 */
export class WorkerThread {
  /** Sessions that are on it. */
  users = 0;
  readonly #worker: Worker;
  #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void } | undefined;
  #stopped: Error | undefined;
  /** Settles when the request before has been answered. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor() {
    this.#worker = new Worker(threadEntry("worker"), { execArgv: [], name: "arc2face session" });
    this.#worker.on("message", (reply: Reply) => this.#waiting?.resolve(reply));
    this.#worker.on("error", (cause) => {
      this.#stop(new DeviceError(`The session's thread ended: ${(cause as Error).message}`, { cause }));
    });
    this.#worker.on("exit", () => this.#stop(new DeviceError("The session's thread was ended.")));
    this.#worker.unref();
  }

  /**
   * Sends a request and waits for its answer.
   * @throws the signal's reason as soon as it is aborted; a run that has begun ends in the background (ONNX Runtime's
   *   Node binding cannot interrupt it) and its result is dropped
   * @throws CheckpointError, ShapeError, DeviceError or InputError if the request fails, by what ONNX Runtime says
   * @throws DeviceError if the thread died
   */
  async request<K extends RequestKind>(
    kind: K,
    parameters: Requests[K]["parameters"],
    { signal, transfer = [] }: RequestOptions = {},
  ): Promise<Requests[K]["result"]> {
    const answer = this.#turn.then(() => {
      signal?.throwIfAborted();
      return this.#send(kind, parameters, transfer);
    });
    this.#turn = answer.then(ignore, ignore);
    return signal ? orAborted(answer, signal) : answer;
  }

  get isUsable(): boolean {
    return this.#stopped === undefined;
  }

  /** Ends the thread, after the call it may be in. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  async #send<K extends RequestKind>(kind: K, parameters: Requests[K]["parameters"], transfer: ArrayBuffer[]) {
    if (this.#stopped) throw this.#stopped;
    this.#worker.ref();
    try {
      const reply = await new Promise<Reply>((resolve, reject) => {
        this.#waiting = { resolve, reject };
        this.#worker.postMessage({ kind, parameters }, transfer);
      });
      if (!reply.ok) throw ortError(reply.message, kind === "load" ? "load" : "run");
      return reply.result as Requests[K]["result"];
    } finally {
      this.#waiting = undefined;
      this.#worker.unref();
    }
  }

  #stop(error: Error): void {
    this.#stopped ??= error;
    this.#waiting?.reject(this.#stopped);
  }
}

function ignore(): void {}

/** The promise, or a rejection with the signal's reason, whichever comes first. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
