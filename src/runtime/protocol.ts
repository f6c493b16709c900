import type { Tensor } from "../tensor/tensor.js";
import type { ExecutionDevice } from "./devices.js";

/** Tensors by input or output name. */
export type NamedTensors = Record<string, Tensor>;

/** An input or output of a graph. A size that is known only at run time is its symbolic name. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: Tensor["dtype"];
  readonly shape: readonly (number | string)[];
}

/** Where the worker reads the graph: a file, or bytes whose external weights lie below `weightsFolder`. */
export type GraphSource =
  | { readonly path: string }
  | { readonly bytes: Uint8Array; readonly weightsFolder: string | undefined };

export interface LoadParameters {
  readonly source: GraphSource;
  /** The graph was optimized for this machine before: it is run as it stands. */
  readonly optimized: boolean;
  readonly device: ExecutionDevice;
  readonly threads: number;
  /** The CPU's memory arena stays between runs. */
  readonly keepMemory: boolean;
  /** Path without extension that the operator profile is written to. */
  readonly profilePrefix: string | undefined;
}

export interface RunParameters {
  /** The worker's number for the session. */
  readonly session: number;
  readonly feeds: NamedTensors;
  /** Names of the outputs to send back. */
  readonly outputs: readonly string[];
  /** Inputs held in the worker, and the outputs that replace them after the run, if the output `carryIf` says so. */
  readonly state?: {
    readonly id: number;
    readonly carry: Readonly<Record<string, string>>;
    readonly carryIf: string | undefined;
  };
}

export interface LoadResult {
  /** The worker's number for the session. */
  readonly session: number;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly elapsedMs: number;
}

/** What the main thread asks of a worker, and what comes back. */
export interface Requests {
  load: { parameters: LoadParameters; result: LoadResult };
  run: { parameters: RunParameters; result: { outputs: NamedTensors; elapsedMs: number } };
  createState: { parameters: { session: number; tensors: NamedTensors }; result: { id: number } };
  readState: { parameters: { id: number; names: readonly string[] }; result: { tensors: NamedTensors } };
  releaseState: { parameters: { id: number }; result: Record<string, never> };
  endProfile: { parameters: { session: number }; result: Record<string, never> };
  release: { parameters: { session: number }; result: Record<string, never> };
}

export type RequestKind = keyof Requests;
export type Request = { [K in RequestKind]: { kind: K; parameters: Requests[K]["parameters"] } }[RequestKind];
export type Reply = { ok: true; result: Requests[RequestKind]["result"] } | { ok: false; message: string };

/** The buffers of tensors that the sender gives away. */
export function buffersOf(tensors: NamedTensors): ArrayBuffer[] {
  return Object.values(tensors).map((tensor) => tensor.data.buffer as ArrayBuffer);
}
