import type { FaceEmbedder } from "../face/embed.js";
import type { Arc2Face } from "../pipeline/arc2face.js";
import { runEmbed } from "./embed-job.js";
import { runEvaluate } from "./evaluate-job.js";
import { type Job, jobPrefix } from "./job.js";
import { makeImages } from "./make-images.js";
import type { Pool } from "./pool.js";
import type { JobReporter, RunJob } from "./queue.js";
import { runDatasetShard } from "./shard-job.js";
import type { ResultStore } from "./store.js";

/** What jobs are done with. */
export interface Workshop {
  readonly store: ResultStore;
  /** By the names that jobs use. */
  readonly models: Pool<Arc2Face>;
  /** By the source of their recogniser; see `Recogniser.load`. */
  readonly embedders: Pool<FaceEmbedder>;
}

/** Does jobs of every kind. */
export function createRunner(workshop: Workshop): RunJob {
  return async (job, reporter) => {
    reporter.signal.throwIfAborted();
    switch (job.kind) {
      case "generate":
        return runGenerate(job, reporter, workshop);
      case "dataset-shard":
        return runDatasetShard(job, reporter, workshop);
      case "embed":
        return runEmbed(job, reporter, workshop);
      case "evaluate":
        return runEvaluate(job, reporter, workshop);
    }
  };
}

function runGenerate(job: Job<"generate">, reporter: JobReporter, { models, store }: Workshop): Promise<void> {
  const { id, input } = job;
  return models.use(input.model, (model) =>
    makeImages({
      input,
      model,
      store,
      prefix: jobPrefix(id),
      reporter,
      previewEveryMs: input.previewEveryMs,
      onImage: (file) => reporter.file(file),
    }),
  );
}
