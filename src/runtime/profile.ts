import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Time spent in all nodes of one operator type. */
export interface OperatorTime {
  readonly operator: string;
  readonly ms: number;
  /** Part of the time of all nodes, 0 to 1. */
  readonly share: number;
  /** Nodes run, each once per run. */
  readonly count: number;
}

/** A folder for one session's profile. */
export async function makeProfileFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "arc2face-profile-"));
}

/** Sums the profile that ONNX Runtime wrote into `folder`, most expensive operator first, and removes the folder. */
export async function takeProfile(folder: string): Promise<OperatorTime[]> {
  const files = await readdir(folder);
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  await rm(folder, { recursive: true, force: true });
  return sumProfile(texts.flatMap((text) => JSON.parse(text) as TraceEvent[]));
}

/** An event of ONNX Runtime's trace (Chrome's trace event format); `dur` is in microseconds. */
export interface TraceEvent {
  readonly cat: string;
  readonly name: string;
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}

/** Adds up the kernels of each operator type. */
export function sumProfile(events: readonly TraceEvent[]): OperatorTime[] {
  const sums = new Map<string, { ms: number; count: number }>();
  let totalMs = 0;
  for (const { cat, name, dur, args } of events) {
    if (cat !== "Node" || !name.endsWith("_kernel_time")) continue;
    const operator = args?.op_name ?? name;
    const sum = sums.get(operator) ?? { ms: 0, count: 0 };
    sums.set(operator, { ms: sum.ms + dur / 1000, count: sum.count + 1 });
    totalMs += dur / 1000;
  }
  return [...sums]
    .map(([operator, { ms, count }]) => ({ operator, ms, share: totalMs > 0 ? ms / totalMs : 0, count }))
    .sort((a, b) => b.ms - a.ms);
}
