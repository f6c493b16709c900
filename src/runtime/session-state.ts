import { InputError } from "../errors.js";
import type { NamedTensors } from "./protocol.js";
import type { WorkerThread } from "./worker-thread.js";

/** Inputs of a session that stay in its worker between runs. Made by `Session.createState`. */
export class SessionState {
  readonly #thread: WorkerThread;
  /** The worker's number for it. */
  readonly id: number;
  /** The inputs it holds. */
  readonly names: readonly string[];

  constructor(thread: WorkerThread, id: number, names: readonly string[]) {
    this.#thread = thread;
    this.id = id;
    this.names = names;
  }

  belongsTo(thread: WorkerThread): boolean {
    return this.#thread === thread;
  }

  /**
   * Copies of the present values, after the runs that were asked for.
   * @param names which; default all. Ask for one at a time where all would not fit in memory twice.
   * @throws InputError if the state does not hold one of them
   */
  async read(names: readonly string[] = this.names): Promise<NamedTensors> {
    const unknown = names.find((name) => !this.names.includes(name));
    if (unknown !== undefined) throw new InputError(`The state holds ${this.names.join(", ")}, not "${unknown}".`);
    return (await this.#thread.request("readState", { id: this.id, names })).tensors;
  }

  /** Frees the values. Releasing the session does so too. */
  async release(): Promise<void> {
    await this.#thread.request("releaseState", { id: this.id });
  }
}
