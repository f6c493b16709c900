import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { CheckpointError } from "../errors.js";
import { hashFile } from "../hub/hash.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import { openSafetensors, type SafetensorsFile, writeSafetensors } from "../tensor/safetensors.js";
import type { Tensor } from "../tensor/tensor.js";
import type { StateEntry } from "./step.js";

/** `state.json`: what goes with the tensors. Random numbers and the order of the data follow from the step and the seed. */
const stateSchema = z.strictObject({
  format: z.literal("arc2face-checkpoint"),
  version: z.literal(1),
  /** Updates done. */
  step: z.int().nonnegative(),
  /** Of the tensors' file. */
  sha256: z.string(),
});

const tensorsFile = "tensors.safetensors";
const stateFile = "state.json";
const folderName = (step: number) => `step-${String(step).padStart(9, "0")}`;

/** A checkpoint that was found. Its tensors are read one by one, because they may be larger than memory. */
export interface Checkpoint {
  readonly step: number;
  readonly tensors: SafetensorsFile;
}

/** The newest checkpoints of a run. Each is a folder, written beside its place and renamed when it is whole. */
export class Checkpoints {
  constructor(
    private readonly folder: string,
    private readonly keep: number,
  ) {}

  /**
   * Writes a checkpoint, and then removes those that are too many. Earlier ones stay as they are if it fails.
   * @throws CheckpointError if it cannot be written, as on a full disk
   */
  async save(step: number, entries: readonly StateEntry[], read: (name: string) => Promise<Tensor>): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const partial = join(this.folder, `${folderName(step)}.partial`);
    await rm(partial, { recursive: true, force: true });
    try {
      const path = join(partial, tensorsFile);
      await writeSafetensors(
        path,
        entries.map(({ name, shape }) => [name, { dtype: "f32", shape, read: () => read(name) }]),
      );
      const state = { format: "arc2face-checkpoint", version: 1, step, sha256: await hashFile(path, "sha256") };
      await writeFileAtomic(join(partial, stateFile), `${JSON.stringify(state, null, 2)}\n`);
      const final = join(this.folder, folderName(step));
      await rm(final, { recursive: true, force: true });
      await rename(partial, final);
    } catch (cause) {
      await rm(partial, { recursive: true, force: true });
      const { syscall, message } = cause as NodeJS.ErrnoException;
      if (syscall === undefined) throw cause;
      throw new CheckpointError(
        `${partial} cannot be written (${message}); earlier checkpoints are whole: free some space, and --resume`,
        { cause },
      );
    }
    for (const old of (await this.list()).slice(this.keep)) await rm(old, { recursive: true });
  }

  /**
   * The newest checkpoint that is whole; damaged ones are passed over and reported.
   * @throws CheckpointError if there are checkpoints and none is whole
   */
  async latest(onDamaged: (message: string) => void): Promise<Checkpoint | undefined> {
    const folders = await this.list();
    for (const folder of folders) {
      try {
        return await readCheckpoint(folder);
      } catch (error) {
        if (!(error instanceof CheckpointError)) throw error;
        onDamaged(error.message);
      }
    }
    if (folders.length === 0) return undefined;
    throw new CheckpointError(`${this.folder}: all ${folders.length} checkpoints are damaged; start the run anew`);
  }

  /** Folders of checkpoints, newest first. */
  private async list(): Promise<string[]> {
    const names = await readdir(this.folder).catch(() => []);
    return names
      .filter((name) => /^step-\d{9}$/.test(name))
      .sort()
      .reverse()
      .map((name) => join(this.folder, name));
  }
}

async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const text = await readFile(join(folder, stateFile), "utf8").catch(() => "");
  const state = stateSchema.safeParse(parseJson(text));
  if (!state.success) throw new CheckpointError(`${folder}: ${stateFile} is missing or damaged`);
  const path = join(folder, tensorsFile);
  const file = await openSafetensors(path);
  if ((await hashFile(path, "sha256")) !== state.data.sha256) {
    throw new CheckpointError(`${path} was changed or damaged after it was written`);
  }
  return { step: state.data.step, tensors: file };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
