import { InputError } from "../errors.js";
import type { OnnxModel } from "../graph/onnx-model.js";
import { type Device, defaultThreads, type ExecutionDevice, requireDevice } from "./devices.js";
import { checkCarry, checkFeeds, chooseOutputs, copyTensors } from "./feeds.js";
import { openGraph } from "./graph-file.js";
import { type GraphOrigin, type LoadedGraph, loadGraph } from "./load-graph.js";
import { automaticDevice } from "./probe.js";
import { makeProfileFolder, type OperatorTime, takeProfile } from "./profile.js";
import { buffersOf, type NamedTensors, type ValueInfo } from "./protocol.js";
import { SessionState } from "./session-state.js";
import { returnThread, type WorkerThread } from "./worker-thread.js";

export interface SessionOptions {
  /** Default `auto`: CUDA, DirectML or CoreML where they work, else the CPU. */
  readonly device?: Device;
  /** Threads within an operator, on the CPU. Default: the cores this process may use. */
  readonly threads?: number;
  /** Keep the optimized graph on disk, so that the next load is quick (CPU only). Default true. */
  readonly compileCache?: boolean;
  /** Record the time of each operator; see {@link Session.endProfile}. Default false. */
  readonly profile?: boolean;
  /** Keep working memory from run to run, on the CPU. Default true; false suits large graphs that take turns. */
  readonly keepMemory?: boolean;
  /** A session that this one takes turns with, on its thread. Default: a thread of its own. */
  readonly beside?: Session | undefined;
  readonly signal?: AbortSignal;
}

export interface RunOptions {
  /** Aborting rejects at once; a run that has begun ends in the background and its outputs are dropped. */
  readonly signal?: AbortSignal;
  /** Inputs held in the session's worker; they must not be among the feeds. */
  readonly state?: SessionState;
  /** Output name -> name of the state's input that it replaces for the next run. Such an output is not returned. */
  readonly carry?: Readonly<Record<string, string>>;
  /** A bool [] output; where it is false, nothing is carried and the state stays as it was. It is returned all the same. */
  readonly carryIf?: string;
  /** Names of the outputs to return. Default: all that are not carried. */
  readonly outputs?: readonly string[];
  /** The feeds' memory goes to the worker instead of being copied, and is gone afterwards. Default false. */
  readonly give?: boolean;
}

/** What a session has done so far. Times are in milliseconds of wall clock. */
export interface SessionStats {
  readonly device: ExecutionDevice;
  /** Whether the optimized graph was found in the cache, was made and kept there, or the graph was loaded as it is. */
  readonly graph: GraphOrigin;
  /** From the call of `load` until the session was ready. */
  readonly loadMs: number;
  readonly runs: number;
  /** Inside ONNX Runtime, without waiting and passing of tensors. */
  readonly lastRunMs: number;
  readonly totalRunMs: number;
}

/**
 * A graph, ready to run, on a worker thread (about 5 MB and a tenth of a second each). The event loop stays
 * free; runs of one session wait for each other. Memory comes back to the system only in part when a session is
 * released, so keep sessions that will be used again.
 */
export class Session {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  #thread: WorkerThread | undefined;
  /** The worker's number for it. */
  readonly #id: number;
  #profileFolder: string | undefined;
  #stats: SessionStats;

  private constructor(
    { thread, session, inputs, outputs }: LoadedGraph,
    stats: SessionStats,
    profileFolder: string | undefined,
  ) {
    this.inputs = inputs;
    this.outputs = outputs;
    this.#thread = thread;
    this.#id = session;
    this.#stats = stats;
    this.#profileFolder = profileFolder;
  }

  /**
   * Loads a model, what makes one for a device, or the file of one. Weights in files of their own are read from there.
   * @throws DeviceError if the device is not available, or cannot run the graph
   * @throws CheckpointError if the model or its weights are missing, damaged or not supported
   * @throws ShapeError if shapes inside the graph do not fit
   */
  static async load(
    model: OnnxModel | ((device: ExecutionDevice) => OnnxModel) | string,
    options: SessionOptions = {},
  ): Promise<Session> {
    const start = performance.now();
    const { device: requested = "auto", threads = defaultThreads(), compileCache = true, signal } = options;
    const { keepMemory = true } = options;
    const beside = options.beside === undefined ? undefined : options.beside.#requireThread("load");
    signal?.throwIfAborted();
    if (!Number.isInteger(threads) || threads < 1) throw new InputError(`threads must be 1 or more, not ${threads}.`);
    const device = requested === "auto" ? await automaticDevice() : requested;
    requireDevice(device);
    const graph = await openGraph(typeof model === "function" ? model(device) : model);
    const profileFolder = options.profile ? await makeProfileFolder() : undefined;
    const loaded = await loadGraph(graph, {
      device,
      threads,
      keepMemory,
      beside,
      profileFolder,
      compileCache,
      signal,
    }).catch(async (error) => {
      if (profileFolder !== undefined) await takeProfile(profileFolder);
      throw error;
    });
    const loadMs = performance.now() - start;
    const stats = { device, graph: loaded.origin, loadMs, runs: 0, lastRunMs: 0, totalRunMs: 0 };
    return new Session(loaded, stats, profileFolder);
  }

  get stats(): SessionStats {
    return this.#stats;
  }

  /**
   * Runs the graph.
   * @param feeds a tensor for each input that the state does not hold; they are copied, and can be changed at once,
   *   unless `give` says otherwise
   * @returns the outputs that are not carried
   * @throws InputError or ShapeError if inputs are missing, unknown, or of another dtype or shape
   * @throws DeviceError if the device fails or memory is short
   */
  async run(feeds: NamedTensors, options: RunOptions = {}): Promise<NamedTensors> {
    const { signal, state, carry = {}, carryIf, give = false } = options;
    signal?.throwIfAborted();
    const thread = this.#requireThread("run");
    if (state && !state.belongsTo(thread)) throw new InputError("run: the state was made by another session.");
    checkFeeds(this.inputs, feeds, state?.names ?? []);
    checkCarry(this.inputs, this.outputs, carry, state?.names ?? []);
    const wanted = chooseOutputs(this.outputs, carry, options);
    const sent = give ? feeds : copyTensors(feeds);
    const { outputs, elapsedMs } = await thread.request(
      "run",
      {
        session: this.#id,
        feeds: sent,
        outputs: wanted,
        ...(state ? { state: { id: state.id, carry, carryIf } } : {}),
      },
      { signal, transfer: buffersOf(sent) },
    );
    const { runs, totalRunMs } = this.#stats;
    this.#stats = { ...this.#stats, runs: runs + 1, lastRunMs: elapsedMs, totalRunMs: totalRunMs + elapsedMs };
    return outputs;
  }

  /**
   * Puts inputs into the worker to stay there from run to run: trained parameters, optimizer moments. Only what is
   * read leaves it. The first values are copied.
   */
  async createState(initial: NamedTensors): Promise<SessionState> {
    const thread = this.#requireThread("createState");
    checkFeeds(this.inputs, initial, [], { partial: true });
    const tensors = copyTensors(initial);
    const { id } = await thread.request(
      "createState",
      { session: this.#id, tensors },
      { transfer: buffersOf(tensors) },
    );
    return new SessionState(thread, id, Object.keys(initial));
  }

  /**
   * Ends the recording that `profile: true` began: the time of each operator type over all runs so far, most
   * expensive first.
   * @throws InputError if nothing is recorded
   */
  async endProfile(): Promise<OperatorTime[]> {
    const thread = this.#requireThread("endProfile");
    const folder = this.#profileFolder;
    if (folder === undefined) throw new InputError("endProfile: load the session with profile: true; it ends once.");
    this.#profileFolder = undefined;
    await thread.request("endProfile", { session: this.#id });
    return takeProfile(folder);
  }

  /** Frees the session, after the runs that were asked for. It cannot be used again; a second call does nothing. */
  async release(): Promise<void> {
    if (this.#thread === undefined) return;
    if (this.#profileFolder !== undefined) await this.endProfile();
    const thread = this.#thread;
    this.#thread = undefined;
    await thread.request("release", { session: this.#id });
    await returnThread(thread);
  }

  #requireThread(method: string): WorkerThread {
    if (this.#thread === undefined) throw new InputError(`${method}: the session was released; load it again.`);
    return this.#thread;
  }
}
