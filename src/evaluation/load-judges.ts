import { FaceFinder, type FaceFinderOptions } from "../face/face-finder.js";
import { Recogniser } from "../face/recogniser.js";
import type { WeightsFile } from "../face/weights-file.js";
import type { Judges } from "./judges.js";

/** The independent recogniser: another network, trained by others on other photos. */
export const secondRecogniser = "dlib-resnet";

export interface LoadJudgesOptions extends FaceFinderOptions {
  /** Source of the recogniser whose embeddings the generator takes. */
  readonly recogniser: string;
}

/** Judges with the memory that they hold. */
export interface LoadedJudges extends Judges {
  /** The networks' files, with their licences. */
  readonly files: readonly WeightsFile[];
  release(): Promise<void>;
}

/** @throws InputError, CheckpointError or DownloadError if a network cannot be had */
export async function loadJudges({ recogniser: source, ...options }: LoadJudgesOptions): Promise<LoadedJudges> {
  const loading = [
    FaceFinder.load(options),
    Recogniser.load(source, options),
    Recogniser.load(secondRecogniser, options),
  ] as const;
  try {
    const [finder, recogniser, second] = await Promise.all(loading);
    return {
      finder,
      recogniser,
      second,
      files: [...finder.files, recogniser.file, second.file],
      async release() {
        await Promise.all([finder.release(), recogniser.release(), second.release()]);
      },
    };
  } catch (error) {
    for (const loaded of await Promise.allSettled(loading)) {
      if (loaded.status === "fulfilled") await loaded.value.release();
    }
    throw error;
  }
}
