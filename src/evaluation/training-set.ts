import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Dataset, datasetFiles } from "../data/dataset.js";
import { assertSameRecogniser } from "../face/identity.js";
import type { RecogniserId } from "../face/recogniser.js";

/** What a generator was trained with, to compare its images with. */
export interface TrainingSet {
  readonly dataset: Dataset;
  /** Of each row's photo. */
  readonly names: readonly string[];
}

/**
 * Opens a prepared dataset.
 * @param recogniser whose embeddings it must hold
 * @throws InputError if it is none, or was embedded by another recogniser; CheckpointError if it is damaged
 */
export async function openTrainingSet(folder: string, recogniser: RecogniserId): Promise<TrainingSet> {
  const dataset = await Dataset.open(folder);
  try {
    assertSameRecogniser(dataset.index.embeddings, recogniser);
    const names = (await readFile(join(folder, datasetFiles.names), "utf8")).split("\n");
    return { dataset, names };
  } catch (error) {
    await dataset.close();
    throw error;
  }
}
