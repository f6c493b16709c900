import { CheckpointError, InputError } from "../errors.js";
import type { Point } from "../image/affine.js";
import { arcFaceSizePx, arcFaceTemplate } from "../image/arcface.js";
import { type Image, mirrorImage } from "../image/image.js";
import type { Session } from "../runtime/session.js";
import { type FaceCrop, faceCrops } from "./face-crop.js";
import { type PixelScale, packRgb } from "./network-input.js";
import { type LoadNetworkOptions, loadNetwork, type WeightsFile } from "./weights-file.js";

/** Which recogniser made an embedding. Embeddings of different recognisers cannot be compared. */
export interface RecogniserId {
  readonly name: string;
  /** Of its weights, hexadecimal. */
  readonly sha256: string;
}

/** A face as a recogniser sees it. */
export interface Embedding {
  /** Unit length, float32 [512] for all usual recognisers. */
  readonly embedding: Float32Array;
  /** Length before it was brought to 1. Small for faces that the recogniser makes nothing of. */
  readonly norm: number;
  readonly recogniser: RecogniserId;
}

export interface RecogniserOptions extends LoadNetworkOptions {
  /**
   * Embed the crop and its mirror image, and take the mean: twice the time, a little more accurate. Default true for
   * MobileFaceNet, whose threshold was measured so; false for others, as the official Arc2Face embeds.
   */
  readonly mirrored?: boolean | undefined;
  /** What the network takes. Default for ArcFace crops: (x - 127.5) / 127.5, RGB, as insightface's do. */
  readonly pixelScale?: PixelScale | undefined;
  /** Most crops in one pass, where the network takes several at once. Default 16. */
  readonly batchSize?: number | undefined;
}

/** What was measured of a recogniser. */
export interface Calibration {
  /** Cosine from which two photos show one person, most accurate on the 6,000 pairs of LFW. */
  readonly threshold: number;
  /** Norms of a good photo's embedding, and of one of anything but a face; undefined if the norm tells nothing. */
  readonly norms?: { readonly typical: number; readonly noise: number };
}

/**
 * By the name that weights are known by. MobileFaceNet's threshold is 0.27 on LFW's faces as they are found here, 0.30 on
 * its crops; the middle is taken. Its norms on LFW: median 2.9, and one in a hundred is below 2.1; of
 * portraits upside down and on their side, taken for upright faces: 1.3 to 2.5. All descriptors of dlib's network lie
 * close together: the mean cosine of strangers on LFW is 0.84, of two photos of one person 0.95.
 */
const calibrations: Readonly<Record<string, Calibration>> = {
  mobilefacenet: { threshold: 0.285, norms: { typical: 2.9, noise: 1.4 } },
  "dlib-resnet": { threshold: 0.91 },
};

/** What was measured of a recogniser, if it is a known one. */
export function calibrationOf({ name }: RecogniserId): Calibration | undefined {
  return Object.hasOwn(calibrations, name) ? calibrations[name] : undefined;
}

/** A network that tells people apart, given their faces cut as it wants them. Source: Deng 2019 (ArcFace). */
export class Recogniser {
  readonly id: RecogniserId;
  /** Undefined for recognisers that nobody measured. */
  readonly calibration: Calibration | undefined;
  readonly isMirrored: boolean;
  readonly embeddingSize: number;

  private constructor(
    private readonly session: Session,
    readonly file: WeightsFile,
    private readonly crop: FaceCrop,
    private readonly options: RecogniserOptions,
  ) {
    this.id = { name: file.name, sha256: file.sha256 };
    this.calibration = calibrationOf(this.id);
    this.isMirrored = options.mirrored ?? file.name === "mobilefacenet";
    this.embeddingSize = session.outputs[0]!.shape[1] as number;
  }

  /**
   * @param source `mobilefacenet` (default), `arcface` (the official one), `dlib-resnet` (an independent one), or the
   *   source of any ONNX file that takes [N, 3, 112, 112] and gives [N, E]
   * @throws CheckpointError if the file is another network; and as {@link loadNetwork}
   */
  static async load(source = "mobilefacenet", options: RecogniserOptions = {}): Promise<Recogniser> {
    const { session, file } = await loadNetwork(source, options);
    const [input, output] = [session.inputs[0]!.shape, session.outputs[0]!.shape];
    const crop = faceCrops.find(({ sizePx }) => input.slice(1).join() === `3,${sizePx},${sizePx}`);
    if (session.inputs.length !== 1 || !crop || output.length !== 2 || typeof output[1] !== "number") {
      await session.release();
      throw new CheckpointError(
        `${file.name} is no recogniser: it takes [${input.join(", ")}] and gives [${output.join(", ")}]; ` +
          "[N, 3, 112, 112] and [N, 512] are expected",
      );
    }
    return new Recogniser(session, file, crop, options);
  }

  get networkMs(): number {
    return this.session.stats.totalRunMs;
  }

  /**
   * Cuts a face as this network takes it; most take ArcFace crops.
   * @param points5 eyes, nose, mouth corners in ArcFace's order, in the image's pixels
   */
  align(image: Image, points5: readonly Point[]): Image {
    return this.crop.align(image, points5);
  }

  /** What the network sees of an ArcFace crop, which may lack a little of the chin. */
  alignCrop(crop: Image): Image {
    return this.takesArcFace ? crop : this.crop.align(crop, arcFaceTemplate);
  }

  /** Whether faces are ArcFace crops to this network. */
  get takesArcFace(): boolean {
    return this.crop.sizePx === arcFaceSizePx;
  }

  /**
   * Embeds faces.
   * @param crops as {@link align} cuts them: 112x112, if the network takes ArcFace crops
   * @throws InputError if a crop has another size
   */
  async embed(crops: readonly Image[], signal?: AbortSignal): Promise<Embedding[]> {
    const { sizePx } = this.crop;
    for (const { widthPx, heightPx } of crops) {
      if (widthPx !== sizePx || heightPx !== sizePx) {
        throw new InputError(
          `${this.id.name} takes faces of ${sizePx}x${sizePx} pixels, not ${widthPx}x${heightPx}; align them first.`,
        );
      }
    }
    const rows = await this.runAll(this.isMirrored ? [...crops, ...crops.map(mirrorImage)] : crops, signal);
    return crops.map((_, i) => this.toEmbedding(rows[i]!, rows[this.isMirrored ? crops.length + i : i]!));
  }

  /** Frees the network. */
  release(): Promise<void> {
    return this.session.release();
  }

  /** The network's output for each crop, in batches of at most what the graph and the options allow. */
  private async runAll(crops: readonly Image[], signal: AbortSignal | undefined): Promise<Float32Array[]> {
    const fixed = this.session.inputs[0]!.shape[0];
    const batchSize = typeof fixed === "number" ? fixed : (this.options.batchSize ?? 16);
    const scale = this.options.pixelScale ?? this.crop.pixelScale;
    const rows: Float32Array[] = [];
    for (let start = 0; start < crops.length; start += batchSize) {
      const batch = crops.slice(start, start + batchSize);
      // A graph of a fixed batch is filled up with a repeated crop.
      const padded = typeof fixed === "number" ? Array.from({ length: fixed }, (_, i) => batch[i] ?? batch[0]!) : batch;
      const feeds = { [this.session.inputs[0]!.name]: packRgb(padded, scale) };
      const outputs = await this.session.run(feeds, { give: true, ...(signal && { signal }) });
      const data = outputs[this.session.outputs[0]!.name]!.data as Float32Array;
      for (const i of batch.keys()) rows.push(data.subarray(i * this.embeddingSize, (i + 1) * this.embeddingSize));
    }
    return rows;
  }

  private toEmbedding(row: Float32Array, mirrored: Float32Array): Embedding {
    const mean = new Float64Array(row).map((value, i) => (value + mirrored[i]!) / 2);
    const norm = Math.hypot(...mean);
    if (!Number.isFinite(norm) || norm === 0) {
      throw new CheckpointError(
        `${this.file.name} gives no finite embedding; its weights are damaged or of another use`,
      );
    }
    return { embedding: new Float32Array(mean.map((value) => value / norm)), norm, recogniser: this.id };
  }
}
