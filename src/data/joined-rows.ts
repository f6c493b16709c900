import { createHash } from "node:crypto";
import { InputError } from "../errors.js";
import { Dataset, type DatasetIndex, type FaceRows } from "./dataset.js";

/**
 * Opens one dataset, or several as one: their rows end to end.
 * @throws InputError if they differ in size, recogniser or latents, or as {@link Dataset.open}
 */
export async function openRows(folders: readonly string[]): Promise<FaceRows> {
  const datasets: Dataset[] = [];
  try {
    for (const folder of folders) datasets.push(await Dataset.open(folder));
    const [first, ...others] = datasets;
    if (!first) throw new InputError("no dataset is given; make one with arc2face dataset prepare");
    if (others.length === 0) return first;
    for (const other of others) requireAlike(first, other);
    return new JoinedRows(datasets, first.index);
  } catch (error) {
    await Promise.all(datasets.map((dataset) => dataset.close()));
    throw error;
  }
}

function requireAlike(first: Dataset, other: Dataset): void {
  const differences: [string, (index: DatasetIndex) => unknown][] = [
    ["size of the images", ({ sizePx }) => sizePx],
    ["recogniser", ({ embeddings }) => embeddings.recogniser.sha256],
    ["latents", ({ latents }) => latents && [latents.shape, latents.mirrored, latents.autoencoder]],
  ];
  for (const [name, pick] of differences) {
    if (JSON.stringify(pick(first.index)) === JSON.stringify(pick(other.index))) continue;
    throw new InputError(`${first.folder} and ${other.folder} differ in the ${name}; prepare them in the same way`);
  }
}

class JoinedRows implements FaceRows {
  readonly count: number;
  readonly sha256: string;
  /** First row of each dataset. */
  private readonly starts: readonly number[];

  constructor(
    private readonly datasets: readonly Dataset[],
    readonly index: FaceRows["index"],
  ) {
    let count = 0;
    this.starts = datasets.map((dataset) => {
      const start = count;
      count += dataset.count;
      return start;
    });
    this.count = count;
    this.sha256 = createHash("sha256")
      .update(datasets.map(({ sha256 }) => sha256).join("\n"))
      .digest("hex");
  }

  get name(): string {
    return this.datasets.map(({ folder }) => folder).join(" and ");
  }

  groupOf(row: number): number {
    return this.starts.findLastIndex((start) => row >= start);
  }

  readImage(row: number): Promise<Uint8Array> {
    const [dataset, at] = this.locate(row);
    return dataset.readImage(at);
  }

  readEmbedding(row: number): Promise<Float32Array> {
    const [dataset, at] = this.locate(row);
    return dataset.readEmbedding(at);
  }

  readLatents(row: number, mirrored: boolean): Promise<Float32Array> {
    const [dataset, at] = this.locate(row);
    return dataset.readLatents(at, mirrored);
  }

  async close(): Promise<void> {
    await Promise.all(this.datasets.map((dataset) => dataset.close()));
  }

  private locate(row: number): [Dataset, number] {
    const group = this.groupOf(row);
    return [this.datasets[group] as Dataset, row - (this.starts[group] as number)];
  }
}
