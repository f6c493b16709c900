import type { FaceRows } from "../data/dataset.js";
import { InputError } from "../errors.js";
import { packRgb } from "../face/network-input.js";
import { exportOnnx, type GraphInterface } from "../graph/export.js";
import { add, clip, exp, mul, reduceMean, sub } from "../graph/operators/index.js";
import { floats, input, type Value } from "../graph/value.js";
import { FileWeights, Weights } from "../graph/weights.js";
import { type Image, image, mirrorImage } from "../image/image.js";
import { toImages } from "../image/network-output.js";
import { contactSheet } from "../image/sheet.js";
import { type Autoencoder, decode, encode, latentFactor, toDiffusionScale } from "../models/autoencoder.js";
import { Session } from "../runtime/session.js";
import type { TorchGenerator } from "../tensor/random.js";
import type { SafetensorsFile } from "../tensor/safetensors.js";
import type { Tensor } from "../tensor/tensor.js";
import type { FrozenAutoencoder } from "./diffusion-networks.js";
import { type ExportDType, exportModel } from "./export.js";
import { arcFaceInFfhq, klLoss, l1Loss, perceptualLoss, resample } from "./losses.js";
import type { Objective } from "./step-graph.js";
import type { Example, ReadWeight, TrainingTask } from "./task.js";
import type { TrainableWeights } from "./weights.js";

export interface AutoencoderTaskOptions {
  readonly batchSize: number;
  readonly klWeight: number;
  /** Standard deviation of the noise that is added to the latents of an autoencoder that has no log-variance. */
  readonly latentNoise: number;
  readonly perceptual?:
    | {
        readonly network: GraphInterface;
        readonly weight: number;
        /** Side of what the network takes. */
        readonly sizePx?: number | undefined;
        /** What it looks at: all of the image, or the ArcFace crop of its face. */
        readonly crop: "whole" | "face";
      }
    | undefined;
  /** An autoencoder whose latents ours are to resemble, so that what was trained on them goes over easily. */
  readonly near?: { readonly autoencoder: FrozenAutoencoder; readonly weight: number } | undefined;
  /** Images on the sheet. */
  readonly samples: { readonly count: number };
  readonly exportDType: ExportDType;
}

/** Pixels as the network takes them: [-1, 1]. */
const pixelScale = { mean: 127.5, std: 127.5 };
/** Images that the latents' spread is measured on. */
const measuredImages = 256;
const crops = { whole: { left: 0, top: 0, side: 1 }, face: arcFaceInFfhq };

/**
 * Reconstruction through latents: L1, perceptual distance, and a weak pull of the latents towards the normal distribution.
 * Source: Rombach 2022 §3.1, without its adversarial part.
 */
export class AutoencoderTask implements TrainingTask {
  readonly objective: Objective;
  private session: Promise<Session> | undefined;

  /** @throws InputError if the images do not divide into latents */
  constructor(
    private readonly dataset: FaceRows,
    private readonly autoencoder: Autoencoder & { readonly weights?: SafetensorsFile | undefined },
    private readonly weights: TrainableWeights,
    private readonly options: AutoencoderTaskOptions,
  ) {
    const { batchSize, klWeight, latentNoise, perceptual, near } = options;
    const { sizePx } = dataset.index;
    const factor = latentFactor(autoencoder);
    if (sizePx % factor !== 0) {
      throw new InputError(`images of ${sizePx} pixels do not divide into latents of ${factor}; choose another size`);
    }
    const images = input("images", "f32", [batchSize, 3, sizePx, sizePx]);
    const noise = input("noise", "f32", [batchSize, ...this.latentShape]);
    const { mean, logvar = floats(2 * Math.log(latentNoise)) } = encode(this.network(), autoencoder, images);
    const decoded = decode(this.network(), autoencoder, add(mean, mul(exp(mul(logvar, 0.5)), noise)));
    const l1 = l1Loss(decoded, images);
    const kl = klLoss(mean, logvar);
    const seen = perceptual && this.perceptualDistance(decoded, images, perceptual);
    const distance = near && latentDistance(mean, images, near.autoencoder);
    const terms = [
      l1,
      mul(kl, klWeight),
      ...(perceptual && seen ? [mul(seen, perceptual.weight)] : []),
      ...(near && distance ? [mul(distance, near.weight)] : []),
    ];
    this.objective = {
      inputs: [images, noise],
      loss: terms.reduce((sum, term) => add(sum, term)),
      metrics: { l1, kl, ...(seen && { perceptual: seen }), ...(distance && { near: distance }) },
    };
  }

  get parameters() {
    return [...this.weights.parameters.values()];
  }

  async makeBatch(examples: readonly Example[], rng: TorchGenerator): Promise<Record<string, Tensor>> {
    const pictures = await Promise.all(examples.map(({ row, mirrored }) => this.readImage(row, mirrored)));
    return {
      images: packRgb(pictures, pixelScale),
      noise: rng.randn([examples.length, ...this.latentShape]),
    };
  }

  /** Pairs of a photo and its reconstruction. */
  async makeSheet(read: ReadWeight): Promise<Image> {
    const shown = Math.min(this.options.samples.count, this.dataset.count);
    const entries: { image: Image }[] = [];
    for await (const { original, pixels } of this.reconstructions(shown, read)) {
      entries.push({ image: original }, { image: toImages(pixels, original)[0] as Image });
    }
    return contactSheet(entries, { columns: 2 * Math.ceil(Math.sqrt(shown / 2)), gutterPx: 2 });
  }

  /** An autoencoder that was trained on keeps its scaling factor, so that what was trained on its latents still fits. */
  async exportModel(folder: string, read: ReadWeight): Promise<void> {
    const { kind, config, weights } = this.autoencoder;
    const scalingFactor = weights ? config.scaling_factor : await this.measureScalingFactor(read);
    const json = {
      ...config,
      _class_name: kind,
      scaling_factor: scalingFactor,
    };
    const file = "diffusion_pytorch_model.safetensors";
    await exportModel(folder, {
      networks: [{ name: "vae", folder: "vae", file, config: json, weights }],
      parameters: this.parameters,
      read,
      dtype: this.options.exportDType,
    });
  }

  /** Brings the latents to unit variance. Source: Rombach 2022, Appendix G. */
  private async measureScalingFactor(read: ReadWeight): Promise<number> {
    let [sum, squares, length] = [0, 0, 0];
    for await (const { mean } of this.reconstructions(Math.min(measuredImages, this.dataset.count), read)) {
      for (const value of mean) {
        sum += value;
        squares += value * value;
      }
      length += mean.length;
    }
    const spread = Math.sqrt(squares / length - (sum / length) ** 2);
    return Number((1 / spread).toPrecision(6));
  }

  async release(): Promise<void> {
    await (await this.session)?.release();
  }

  /** [C, h, w] */
  private get latentShape(): readonly [number, number, number] {
    const side = this.dataset.index.sizePx / latentFactor(this.autoencoder);
    return [this.autoencoder.config.latent_channels, side, side];
  }

  private network() {
    return this.weights.network("vae", this.autoencoder.weights);
  }

  private async readImage(row: number, mirrored: boolean): Promise<Image> {
    const { sizePx } = this.dataset.index;
    const picture = image(sizePx, sizePx, await this.dataset.readImage(row));
    return mirrored ? mirrorImage(picture) : picture;
  }

  private perceptualDistance(
    a: Value,
    b: Value,
    { network, crop, sizePx = this.dataset.index.sizePx }: NonNullable<AutoencoderTaskOptions["perceptual"]>,
  ) {
    const fitted = (x: Value) =>
      crop === "whole" && sizePx === this.dataset.index.sizePx ? x : resample(x, crops[crop], sizePx);
    return perceptualLoss(network, fitted(a), fitted(b));
  }

  /** Images from all over the dataset, with their latents and what becomes of them. */
  private async *reconstructions(shown: number, read: ReadWeight) {
    this.session ??= this.load();
    const session = await this.session;
    const values: Record<string, Tensor> = {};
    for (const path of this.weights.parameters.keys()) values[path] = await read(path);
    const state = await session.createState(values);
    try {
      for (let i = 0; i < shown; i++) {
        const original = await this.readImage(Math.floor((i * this.dataset.count) / shown), false);
        const { mean, pixels } = await session.run({ images: packRgb([original], pixelScale) }, { state });
        yield { original, mean: (mean as Tensor<"f32">).data, pixels: (pixels as Tensor<"f32">).data };
      }
    } finally {
      await state.release();
    }
  }

  private load(): Promise<Session> {
    const { sizePx } = this.dataset.index;
    const images = input("images", "f32", [1, 3, sizePx, sizePx]);
    const { mean } = encode(this.network(), this.autoencoder, images);
    const pixels = clip(decode(this.network(), this.autoencoder, mean), -1, 1);
    const trained = this.parameters.map(({ value }) => value);
    return Session.load(exportOnnx({ inputs: [images, ...trained], outputs: { mean, pixels } }));
  }
}

/** Mean squared distance of latents to those of a frozen autoencoder, both of about unit variance, float []. */
function latentDistance(latents: Value, images: Value, frozen: FrozenAutoencoder): Value {
  const { mean } = encode(new Weights(new FileWeights(frozen.weights)), frozen, images);
  const difference = sub(latents, toDiffusionScale(frozen, mean));
  return reduceMean(mul(difference, difference));
}
