import { createHash } from "node:crypto";
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../errors.js";
import { encodePng } from "../image/encode.js";
import type { Image } from "../image/image.js";
import { drawSvg } from "../image/svg.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import { Checkpoints } from "./checkpoints.js";
import { lossPlotSvg } from "./loss-plot.js";

/** One line of `log.jsonl`. */
export interface LogEntry {
  /** Updates done. */
  readonly step: number;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
  readonly imagesPerSecond: number;
  /** Share of the time that went to anything but the graph. */
  readonly overhead: number;
  readonly [metric: string]: number;
}

/** All that makes a run what it is; `run.json`. */
export interface RunDescription {
  readonly method: string;
  /** The recipe with every default filled in. */
  readonly config: unknown;
  /** What the run starts from, by hash. */
  readonly hashes: Readonly<Record<string, string>>;
  readonly version: string;
}

/** The folder of a run: description, log, plot, sample sheets, checkpoints, and at last the model. */
export class RunFolder {
  readonly checkpoints: Checkpoints;

  private constructor(
    readonly path: string,
    keep: number,
  ) {
    this.checkpoints = new Checkpoints(join(path, "checkpoints"), keep);
  }

  /**
   * Opens a run's folder, new or old.
   * @throws InputError if it holds a run and `resume` is not set, or one with another recipe, data or starting weights
   */
  static async open(
    path: string,
    description: RunDescription,
    options: { resume: boolean; keep: number },
  ): Promise<RunFolder> {
    const file = join(path, "run.json");
    const text = `${JSON.stringify({ ...description, created: new Date().toISOString() }, null, 2)}\n`;
    const existing = await readFile(file, "utf8").catch(() => undefined);
    if (existing !== undefined) {
      if (!options.resume)
        throw new InputError(`${path} holds a run; --resume goes on with it, or give another folder`);
      const difference = firstDifference(JSON.parse(existing), JSON.parse(text));
      if (difference) throw new InputError(`${path} holds another run: ${difference} differs; give another folder`);
    } else {
      await mkdir(path, { recursive: true });
      await writeFileAtomic(file, text);
    }
    return new RunFolder(path, options.keep);
  }

  get modelPath(): string {
    return join(this.path, "model");
  }

  /** Scratch space for the state of large networks, while the run goes on. */
  get statePath(): string {
    return join(this.path, "state.tmp");
  }

  async log(entry: LogEntry): Promise<void> {
    await appendFile(join(this.path, "log.jsonl"), `${JSON.stringify(entry)}\n`);
  }

  /** Drops what was logged after a step, which a resumed run will log again. */
  async cutLog(step: number): Promise<void> {
    const entries = (await this.readLog()).filter((entry) => entry.step <= step);
    await writeFileAtomic(join(this.path, "log.jsonl"), entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  }

  async plot(): Promise<void> {
    const entries = await this.readLog();
    if (entries.length < 2) return;
    const svg = lossPlotSvg(entries);
    await writeFileAtomic(join(this.path, "loss.svg"), svg);
    await writeFileAtomic(join(this.path, "loss.png"), await encodePng(await drawSvg(svg)));
  }

  async writeSheet(step: number, sheet: Image): Promise<void> {
    const name = `step-${String(step).padStart(9, "0")}.png`;
    await writeFileAtomic(join(this.path, "samples", name), await encodePng(sheet));
  }

  /** A line that was cut by a crash is passed over. */
  private async readLog(): Promise<LogEntry[]> {
    const text = await readFile(join(this.path, "log.jsonl"), "utf8").catch(() => "");
    return text.split("\n").flatMap((line): LogEntry[] => {
      try {
        return [JSON.parse(line) as LogEntry];
      } catch {
        return [];
      }
    });
  }
}

/** Hash of all weights of some files together. */
export function joinHashes(hashes: readonly string[]): string {
  return createHash("sha256").update(hashes.join()).digest("hex");
}

/** Path of the first value that two descriptions do not share; when and by which version they were made is not compared. */
function firstDifference(a: unknown, b: unknown, path = ""): string | undefined {
  if (path === "created" || path === "version") return undefined;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null)
    return Object.is(a, b) ? undefined : path;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const key of keys) {
    const inside = (value: object) => (value as Record<string, unknown>)[key];
    const found = firstDifference(inside(a), inside(b), path ? `${path}.${key}` : key);
    if (found) return found;
  }
  return undefined;
}
