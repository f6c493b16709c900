import { type ChooseFace, type EmbeddedFace, FaceEmbedder, type FaceEmbedderOptions } from "../face/embed.js";
import { FaceFinder } from "../face/face-finder.js";
import { type Likeness, measureLikeness } from "../face/likeness.js";
import type { Recogniser } from "../face/recogniser.js";
import type { WeightsFile } from "../face/weights-file.js";
import { defaultModel } from "../hub/catalog.js";
import { decodeImage } from "../image/decode.js";
import type { Image } from "../image/image.js";
import { Arc2Face, type GeneratedImage, type GenerateOptions, type LoadOptions } from "./arc2face.js";
import { recogniserSource } from "./recogniser-source.js";
import type { GenerateRequest } from "./request.js";

export interface PhotoPipelineOptions
  extends LoadOptions,
    Pick<FaceEmbedderOptions, "recogniser" | "detector" | "aligned"> {
  /** Size that the images will have, as for {@link PhotoPipeline.generate}: its networks are loaded beforehand. */
  readonly size?: GenerateRequest["size"];
  /**
   * Measure how similar the images are; default true. `if possible`: not where the networks for faces cannot be had, nor
   * where the model does not say its recogniser and no photo was embedded (the official one is large).
   */
  readonly likeness?: boolean | "if possible" | undefined;
}

/** A generated image, and how much it shows the person that it was made of. */
export interface LikenessImage extends GeneratedImage {
  /** Null if it was not measured. */
  readonly faceFound: boolean | null;
  /** Cosine of the image's embedding to the given one, -1 to 1. Null if no face was found, or it was not measured. */
  readonly similarity: number | null;
}

/** The networks that find and embed faces, in photos and in generated images. */
interface FaceNetworks {
  readonly embedder: FaceEmbedder;
  /** Also where photos are crops already: generated images are not. */
  readonly finder: FaceFinder;
}

/**
 * Photo -> embedding -> images -> how similar they are: a model together with the recogniser that it was trained with.
 *
 * ```ts
 * const pipeline = await PhotoPipeline.load();
 * const { embedding } = await pipeline.embed("me.jpg");
 * for await (const image of pipeline.generate({ faceEmbedding: embedding, count: 4, seed: 1 }))
 *   await writeFile(`me-${image.seed}.png`, await encodePng(image, { generation: image.record })), console.log(image.similarity);
 * await pipeline.release();
 * ```
 */
export class PhotoPipeline {
  private loading: Promise<FaceNetworks> | undefined;

  private constructor(
    readonly model: Arc2Face,
    private readonly options: PhotoPipelineOptions,
  ) {
    const { likeness = true, recogniser = model.recogniser } = options;
    // Whoever needs them hears of a failure.
    if (likeness === true || (likeness && recogniser)) this.faces.catch(() => undefined);
  }

  /**
   * Loads a model. Its networks and those for faces go on loading in the background, all at once; what goes wrong with
   * them is thrown where they are needed.
   * @param source as for {@link Arc2Face.load}
   * @throws as {@link Arc2Face.load}
   */
  static async load(source = defaultModel, options: PhotoPipelineOptions = {}): Promise<PhotoPipeline> {
    const model = await Arc2Face.load(source, options);
    model.prepare(options.size, options.signal);
    return new PhotoPipeline(model, options);
  }

  /**
   * Embeds one face of a photo, by default the largest.
   * @param photo a path, a file's bytes, or pixels
   * @throws NoFaceError if it shows none; InputError if it is no photo, or the model's recogniser is not known here;
   *   DownloadError if the networks for faces cannot be had
   */
  async embed(photo: string | Uint8Array | Image, signal?: AbortSignal, choose?: ChooseFace): Promise<EmbeddedFace> {
    const image = typeof photo === "string" || photo instanceof Uint8Array ? await decodeImage(photo) : photo;
    const { embedder } = await this.faces;
    return embedder.embed(image, signal, choose);
  }

  /** The recogniser that embeds photos. @throws as {@link embed} */
  async recogniser(): Promise<Recogniser> {
    return (await this.faces).embedder.recogniser;
  }

  /** The recogniser that measures images, or undefined if they are not measured. @throws if it cannot be had */
  async judge(): Promise<Recogniser | undefined> {
    return (await this.judges())?.embedder.recogniser;
  }

  /** The files of the networks for faces, with their licences. @throws as {@link embed} */
  async faceFiles(): Promise<readonly WeightsFile[]> {
    const { embedder, finder } = await this.faces;
    return [...new Set([...finder.files, ...embedder.files])];
  }

  /**
   * Generates images, and looks at each as at a photo: does it show a face, and how similar is that to the given one?
   * @throws InputError if an option is wrong, before any work is done; and as {@link embed}, if images are to be measured
   */
  async *generate(options: GenerateOptions): AsyncGenerator<LikenessImage, void, void> {
    for await (const image of this.model.generate(options)) {
      const { faceFound, similarity } = await this.measure(image, options.signal);
      yield { ...image, faceFound, similarity };
    }
  }

  /** Frees the memory of all networks. */
  async release(): Promise<void> {
    const releaseFaces = async () => {
      const { embedder, finder } = (await this.loading) ?? {};
      await embedder?.release();
      if (embedder?.finder !== finder) await finder?.release();
    };
    await Promise.all([this.model.release(), releaseFaces().catch(() => undefined)]);
  }

  private get faces(): Promise<FaceNetworks> {
    this.loading ??= loadFaceNetworks(this.model, this.options);
    return this.loading;
  }

  private async judges(): Promise<FaceNetworks | undefined> {
    const { likeness = true } = this.options;
    if (likeness === true) return this.faces;
    return likeness ? this.loading : undefined;
  }

  private async measure(
    image: GeneratedImage,
    signal: AbortSignal | undefined,
  ): Promise<Pick<LikenessImage, "faceFound" | "similarity">> {
    const mayFail = this.options.likeness === "if possible";
    const faces = await (mayFail ? this.judges().catch(() => undefined) : this.judges());
    if (!faces) return { faceFound: null, similarity: null };
    const networks = { finder: faces.finder, recogniser: faces.embedder.recogniser };
    const [measured] = await measureLikeness(networks, [image], image.faceEmbedding, signal);
    return measured as Likeness;
  }
}

async function loadFaceNetworks(model: Arc2Face, options: PhotoPipelineOptions): Promise<FaceNetworks> {
  const recogniser = options.recogniser ?? recogniserSource(model.recogniser);
  const embedder = await FaceEmbedder.load({ ...options, recogniser });
  try {
    const finder = embedder.finder instanceof FaceFinder ? embedder.finder : await FaceFinder.load(options);
    return { embedder, finder };
  } catch (error) {
    await embedder.release();
    throw error;
  }
}
