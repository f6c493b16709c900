import { Arc2Face, type GenerationProgress } from "../pipeline/arc2face.js";
import { command } from "./command.js";
import { printJson } from "./context.js";
import { embedForModel } from "./face-embeddings.js";
import { readFaces } from "./faces.js";
import { generateDetails, generateOptions } from "./generate-options.js";
import { ImageFolder } from "./image-folder.js";
import { Progress } from "./progress.js";
import { version } from "./version.js";

export const generate = command({
  name: "generate",
  summary: "make images of a person from a photo or a face embedding",
  args: [["<face...>", "photos, and JSON or .npy files with one face embedding or several; - is standard input"]],
  options: generateOptions,
  details: generateDetails,
  async run(paths, options, context) {
    const { model: source, out, sheet, previewEvery, loras, device, threads, json, ...rest } = options;
    const { recogniser, detector, aligned, force, ...request } = rest;
    const startMs = performance.now();
    const { signal, stderr, stdout } = context;
    const { inputs, faces } = await readFaces(paths, context);
    const words = { version, model: source, loras: [...loras], device };
    const folder = new ImageFolder({ out, faces, request, command: words, sheet, previewEvery });
    const progress = new Progress(context);
    const onStep = (step: GenerationProgress) => {
      progress.update({ label: "generating", done: step.stepsDone, total: step.stepsTotal, unit: "steps" });
      folder.takePreview(step);
    };
    let model: Arc2Face | undefined;
    try {
      stderr.write(`loading ${source}\n`);
      model = await Arc2Face.load(source, { loras, device, threads, signal, onDownload: progress.showDownload });
      const embedding = { expected: model.recogniser, recogniser, detector, aligned, force, device, threads, progress };
      const faceEmbedding = await embedForModel(inputs, embedding, context);
      for await (const image of model.generate({ ...request, faceEmbedding, signal, onStep })) await folder.add(image);
      const sheetFile = await folder.close();
      const elapsedMs = Math.round(performance.now() - startMs);
      progress.stop();
      const files = [...folder.written.map(({ file }) => file), ...(sheetFile === undefined ? [] : [sheetFile])];
      if (json) printJson(context, { images: folder.written, sheet: sheetFile, model: source, elapsedMs });
      else stdout(files.map((file) => `${file}\n`).join(""));
      stderr.write(`${folder.written.length} images in ${(elapsedMs / 1000).toFixed(1)} s\n`);
    } finally {
      progress.stop();
      await folder.settle();
      // Releasing waits for the step that is being computed, which whoever pressed Ctrl-C does not want.
      if (!signal.aborted) await model?.release();
    }
  },
});
