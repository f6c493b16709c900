import { guidanceScaleAt, guide } from "../diffusion/guidance.js";
import { type Denoise, type SampleProgress, sample } from "../diffusion/sample.js";
import { defaultModel } from "../hub/catalog.js";
import type { ProgressListener } from "../hub/download.js";
import { resolveFolder } from "../hub/pull.js";
import type { Image } from "../image/image.js";
import { toImages } from "../image/network-output.js";
import { cacheFolder } from "../tensor/cache-folder.js";
import { chooseBatchSize } from "./batches.js";
import { fetchLoras, type LoraOptions, loadLoras } from "./loras.js";
import { describeGeneration, type GenerationRecord, hashModel, type ModelHashes } from "./metadata.js";
import { type ModelFolder, openModelFolder } from "./model-folder.js";
import { type Conditioning, Networks, type NetworksOptions } from "./networks.js";
import { SeededNoise } from "./noise.js";
import { type GenerateRequest, type GenerationPlan, imageSize, planGeneration } from "./request.js";

export interface LoadOptions extends NetworksOptions {
  /** Low-rank updates to add to the networks, such as the LCM-LoRA. */
  readonly loras?: readonly LoraOptions[];
  /** Told about downloads. */
  readonly onDownload?: ProgressListener;
  readonly signal?: AbortSignal;
}

export interface GenerateOptions extends GenerateRequest {
  readonly signal?: AbortSignal;
  /** Called after every step of every batch. */
  readonly onStep?: (progress: GenerationProgress) => void;
}

export interface GenerationProgress {
  /** Steps done and to do for the images that are being made. */
  readonly step: number;
  readonly steps: number;
  /** The same, over all batches. */
  readonly stepsDone: number;
  readonly stepsTotal: number;
  /** Images of the batch that is being made. */
  readonly images: readonly { identity: number; seed: number }[];
  /** Decodes what the images of this batch would be by the latest prediction. */
  preview(): Promise<Image[]>;
}

export interface GeneratedImage extends Image {
  /** Index of the face embedding. */
  readonly identity: number;
  /** The face embedding, float32 [E], unit norm. */
  readonly faceEmbedding: Float32Array;
  readonly seed: number;
  /** All that is needed to make this image again. */
  readonly record: GenerationRecord;
}

/**
 * An Arc2Face model, ready to generate: embedding -> conditioning -> denoising -> decoding.
 * Source: Arc2Face §3.3.
 */
export class Arc2Face {
  private constructor(
    private readonly folder: ModelFolder,
    private readonly networks: Networks,
    private readonly hashes: ModelHashes,
  ) {}

  /**
   * Loads a model.
   * @param source a model folder, `hf:OWNER/REPO[@REV]`, or the name of a known model (`mini`, which ships with this
   *   package and is the default; `arc2face`)
   * @throws CheckpointError if the folder is incomplete or damaged
   * @throws DownloadError if the model must be fetched and cannot be
   * @throws DeviceError if the device is not there
   */
  static async load(source = defaultModel, options: LoadOptions = {}): Promise<Arc2Face> {
    const fetching = { signal: options.signal, onProgress: options.onDownload };
    const path = await resolveFolder(source, fetching);
    const folder = await openModelFolder(path, cacheFolder());
    const loras = await fetchLoras(options.loras ?? [], fetching);
    const patch = await loadLoras(loras, folder);
    const hashes = await hashModel(folder, loras, options.signal);
    return new Arc2Face(folder, new Networks(folder, patch, options), hashes);
  }

  /** The size in numbers of the face embeddings that the model takes. */
  get embeddingSize(): number {
    return this.folder.manifest.embeddingSize;
  }

  /** The recogniser that the embeddings must come from, where the model says. */
  get recogniser() {
    return this.folder.manifest.recogniser;
  }

  /**
   * Generates images; each is yielded as soon as its batch is done.
   * The same request gives the same bytes on the same machine; another batch size can change the last bit of a pixel.
   * @throws InputError if an option is wrong, before any work is done
   */
  generate(options: GenerateOptions): AsyncGenerator<GeneratedImage, void, void> {
    return this.run(planGeneration(this.folder, options), options);
  }

  /**
   * Begins to load the networks of a small model, all at once; others load as they are needed. What goes wrong is thrown
   * where they are.
   * @param size of the images, as for {@link generate}
   */
  prepare(size?: GenerateRequest["size"], signal?: AbortSignal): void {
    const [widthPx, heightPx] = imageSize(this.folder, size);
    this.networks.prepare({ widthPx, heightPx }, signal);
  }

  /**
   * What the records of a request's images will be, in their order; no network runs.
   * @throws InputError if an option is wrong
   */
  describe(request: GenerateRequest): GenerationRecord[] {
    const plan = planGeneration(this.folder, request);
    return plan.embeddings.flatMap((embedding) =>
      plan.seeds.map((seed) => describeGeneration(plan, embedding, seed, this.hashes)),
    );
  }

  /** Frees the memory of the networks. */
  release(): Promise<void> {
    return this.networks.release();
  }

  private async *run(plan: GenerationPlan, options: GenerateOptions): AsyncGenerator<GeneratedImage, void, void> {
    const { signal, onStep } = options;
    const { embeddings, seeds, sampling } = plan;
    const conditioning = await this.networks.encode(embeddings, signal);
    const jobs = embeddings.flatMap((_, identity) => seeds.map((seed) => ({ identity, seed })));
    const batchSize = options.batchSize ?? chooseBatchSize(this.folder, plan);
    const stepsTotal = Math.ceil(jobs.length / batchSize) * sampling.steps.length;
    for (let start = 0, stepsDone = 0; start < jobs.length; start += batchSize) {
      const batch = jobs.slice(start, start + batchSize);
      let latents: Float32Array | undefined;
      for await (const { step, steps, x, x0 } of this.denoise(plan, batch, conditioning, signal)) {
        latents = x;
        const preview = async () => toImages(await this.decode(plan, x0, signal), plan);
        onStep?.({ step, steps, stepsDone: ++stepsDone, stepsTotal, images: batch, preview });
      }
      const images = toImages(await this.decode(plan, latents as Float32Array, signal), plan);
      for (const [i, image] of images.entries()) {
        const { identity, seed } = batch[i] as (typeof batch)[number];
        const embedding = embeddings[identity] as Float32Array;
        const record = describeGeneration(plan, embedding, seed, this.hashes);
        yield { ...image, identity, faceEmbedding: embedding, seed, record };
      }
    }
  }

  /** The denoising loop of one batch, with classifier-free guidance. Source: Arc2Face §3.1; Ho & Salimans 2022. */
  private denoise(
    plan: GenerationPlan,
    batch: readonly { identity: number; seed: number }[],
    conditioning: Conditioning,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<SampleProgress, void, void> {
    const noise = new SeededNoise(
      batch.map(({ seed }) => seed),
      this.networks.latentShape(plan),
    );
    const faces = batch.map(({ identity }) => conditioning.faces[identity] as Float32Array);
    const denoise: Denoise = async (x, step) => {
      const scale = guidanceScaleAt(plan.guidance, step);
      if (scale === 1) return this.networks.predict(plan, x, step.timestep, faces, signal);
      // Both branches in one pass, the unconditional one first, as diffusers has them.
      const both = new Float32Array(2 * x.length);
      both.set(x);
      both.set(x, x.length);
      const contexts = [...batch.map(() => conditioning.nobody), ...faces];
      const prediction = await this.networks.predict(plan, both, step.timestep, contexts, signal);
      const [unconditional, conditional] = [prediction.subarray(0, x.length), prediction.subarray(x.length)];
      return guide(conditional, unconditional, { scale, rescale: plan.guidance.rescale, batch: batch.length });
    };
    return sample({ plan: plan.sampling, denoise, initialNoise: noise.draw(), drawNoise: () => noise.draw(), signal });
  }

  private decode(plan: GenerationPlan, latents: Float32Array, signal: AbortSignal | undefined) {
    return this.networks.decode(plan, latents, signal);
  }
}
