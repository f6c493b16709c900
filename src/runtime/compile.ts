/**
 * Optimizes a graph and writes the result. Runs as a process of its own, which takes its peak of memory with it when it
 * ends: after the same work on a thread, the allocator kept 0.6 times the size of the weights for good.
 *
 * Two passes through disk hold less in memory than one: the first folds casts and transposes into new weights, the
 * second maps those from the file and lays convolutions out for this CPU. Measured for 305 MB of f16 weights (609 MB in
 * f32): 1.1 GB at the peak in 4.0 s, instead of 1.45 GB in 2.6 s. The result is the same.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type CompileJob, type CompileReply, compiledFiles } from "./compile-process.js";
import { loadOnnxRuntime } from "./onnxruntime.js";
import { compileOptions } from "./session-options.js";

async function compile({ bytes, weightsFolder, outputFolder }: CompileJob): Promise<void> {
  const ort = loadOnnxRuntime();
  const folded = { graph: join(outputFolder, "folded.onnx"), weights: "folded.weights" };
  const first = await ort.InferenceSession.create(
    bytes,
    compileOptions("basic", { path: folded.graph, weightsName: folded.weights }, weightsFolder),
  );
  await first.release();
  const second = await ort.InferenceSession.create(
    folded.graph,
    compileOptions("all", { path: join(outputFolder, compiledFiles.graph), weightsName: compiledFiles.weights }),
  );
  await second.release();
  await rm(folded.graph, { force: true });
  await rm(join(outputFolder, folded.weights), { force: true });
}

process.once("message", (job: CompileJob) => {
  compile(job)
    .then(
      (): CompileReply => ({ ok: true }),
      (error: Error): CompileReply => ({ ok: false, message: error.message }),
    )
    // Without the channel nothing keeps this process alive.
    .then((reply) => process.send!(reply, () => process.disconnect()));
});
