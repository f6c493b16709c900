import { Arc2FaceError } from "../errors.js";
import type { Calibration, RecogniserId } from "../face/recogniser.js";
import type { GenerationProgress } from "../pipeline/arc2face.js";
import { PhotoPipeline, type PhotoPipelineOptions } from "../pipeline/photo-pipeline.js";
import type { FaceEmbedding, GenerateRequest } from "../pipeline/request.js";
import type { Device } from "../runtime/devices.js";
import type { CommandRecord } from "./command-record.js";
import type { Context } from "./context.js";
import type { Face } from "./faces.js";
import { ImageFolder, type WrittenImage } from "./image-folder.js";
import { ImageSheet } from "./image-sheet.js";
import { Progress } from "./progress.js";
import { version } from "./version.js";

/** What to make, of whichever faces. */
export interface ImageJobOptions
  extends Omit<GenerateRequest, "faceEmbedding">,
    Pick<PhotoPipelineOptions, "recogniser" | "detector" | "aligned" | "threads"> {
  readonly model: string;
  readonly count: number;
  readonly loras: NonNullable<PhotoPipelineOptions["loras"]>;
  readonly device: Device;
  readonly out: string;
  readonly sheet: boolean;
  /** Columns of the sheet; default by the number of people and images. */
  readonly columns?: number;
  readonly likeness: boolean;
  readonly previewEvery?: number | undefined;
}

/** Whose images to make. */
export interface People {
  readonly faces: readonly Face[];
  /** In the same order. */
  readonly embeddings: readonly FaceEmbedding[];
  /** What the user said of the faces, for the images' records. */
  readonly words?: Pick<CommandRecord, "face" | "mean">;
}

/** What was made. */
export interface ImageReport {
  readonly images: readonly WrittenImage[];
  readonly faces: readonly Face[];
  readonly sheet: string | undefined;
  readonly model: string;
  /** What measured the similarities, if they were measured. */
  readonly recogniser: (RecogniserId & { readonly calibration: Calibration | undefined }) | undefined;
  readonly elapsedMs: number;
}

/**
 * What generate, sample and interpolate share: load the model, make images, write them as they are finished, and tell how
 * similar they are.
 * @param findPeople whose images to make, given the loaded model
 */
export async function makeImages(
  { model: source, out, sheet, columns, previewEvery, likeness, ...options }: ImageJobOptions,
  findPeople: (pipeline: PhotoPipeline, progress: Progress) => Promise<People>,
  context: Context,
): Promise<ImageReport> {
  const { loras, device, threads, recogniser, detector, aligned, ...request } = options;
  const startMs = performance.now();
  const { signal, stderr } = context;
  const progress = new Progress(context);
  let pipeline: PhotoPipeline | undefined;
  let folder: ImageFolder | undefined;
  try {
    stderr.write(`loading ${source}\n`);
    const measured = likeness ? "if possible" : false;
    const networks = {
      loras,
      device,
      threads,
      recogniser,
      detector,
      aligned,
      size: request.size,
      likeness: measured,
    } as const;
    pipeline = await PhotoPipeline.load(source, { ...networks, signal, onDownload: progress.showDownload });
    const { faces, embeddings, words } = await findPeople(pipeline, progress);
    const measuring = likeness ? await findJudge(pipeline, context) : undefined;
    const command = { version, model: source, loras: [...loras], device, ...words };
    const page = sheet ? makeSheet(faces.length, request.count, columns, context) : undefined;
    folder = new ImageFolder({ out, faces, request, command, sheet: page, previewEvery });
    const onStep = (step: GenerationProgress) => {
      progress.update({ label: "generating", done: step.stepsDone, total: step.stepsTotal, unit: "steps" });
      folder?.takePreview(step);
    };
    const images = pipeline.generate({ ...request, faceEmbedding: embeddings, signal, onStep });
    for await (const image of images) await folder.add(image);
    const sheetFile = await folder.close();
    const elapsedMs = Math.round(performance.now() - startMs);
    return { images: folder.written, faces, sheet: sheetFile, model: source, recogniser: measuring, elapsedMs };
  } finally {
    progress.stop();
    await folder?.settle();
    // Releasing waits for the step that is being computed, which whoever pressed Ctrl-C does not want.
    if (!signal.aborted) await pipeline?.release();
  }
}

/** What will measure the images; says why, if nothing can. */
async function findJudge(pipeline: PhotoPipeline, { stderr, signal }: Context): Promise<ImageReport["recogniser"]> {
  let reason = "the model does not say its recogniser; name it with --recogniser";
  try {
    const judge = await pipeline.judge();
    if (judge) return { ...judge.id, calibration: judge.calibration };
  } catch (error) {
    if (signal.aborted || !(error instanceof Arc2FaceError)) throw error;
    reason = error.message;
  }
  stderr.write(`similarities are not measured: ${reason}\n`);
  return undefined;
}

/** A sheet, where there are several images, and one can show them. */
function makeSheet(people: number, count: number, columns: number | undefined, { stderr }: Context) {
  const images = people * count;
  if (images === 1) return undefined;
  if (ImageSheet.holds(images)) return new ImageSheet(people, count, columns);
  stderr.write(`no sheet: ${images} images are more than one can show\n`);
  return undefined;
}
