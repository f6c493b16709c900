import type { OnnxModel } from "../graph/onnx-model.js";
import { latentFactor } from "../models/autoencoder.js";
import type { ExecutionDevice } from "../runtime/devices.js";
import { Session, type SessionOptions } from "../runtime/session.js";
import { type Tensor, tensor } from "../tensor/tensor.js";
import { decoderModel, encoderModel, type Patch, unetModel } from "./graphs.js";
import type { ModelFolder } from "./model-folder.js";

export type NetworksOptions = Pick<SessionOptions, "device" | "threads">;

/** Pixel size of the images. */
export interface ImageSize {
  readonly widthPx: number;
  readonly heightPx: number;
}

/** What the UNet attends to: float32 [L * D] for each identity, and for nobody in particular. */
export interface Conditioning {
  readonly faces: readonly Float32Array[];
  readonly nobody: Float32Array;
}

/** A network for one size of images. */
interface Network {
  readonly name: "encoder" | "unet" | "decoder";
  /** Another key is another graph in its place. */
  readonly key: string;
  readonly build: (device: ExecutionDevice) => OnnxModel;
}

interface Loaded {
  readonly key: string;
  readonly session: Promise<Session>;
}

/**
 * Networks with less weight are prepared all at once. Larger ones would take their peaks of memory at the same time, and
 * each keeps all cores busy while it is loaded.
 */
const smallBytes = 256 * 2 ** 20;

/**
 * The compiled networks of a model. Each is loaded when it is first needed and kept; of the UNet and of the decoder, the
 * one for the latest image size. One runs at a time, since each uses all cores.
 */
export class Networks {
  private readonly loaded = new Map<string, Loaded>();
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly folder: ModelFolder,
    private readonly patch: Patch,
    private readonly options: NetworksOptions,
  ) {}

  /** Face embeddings to conditioning. Source: Arc2Face §3.3. */
  async encode(embeddings: readonly Float32Array[], signal?: AbortSignal): Promise<Conditioning> {
    const { prompt, embeddingSize } = this.folder.manifest;
    const rows = [prompt.unconditional, ...embeddings.map(() => prompt.tokens)];
    const tokens = BigInt64Array.from(rows.flat(), BigInt);
    const { conditioning } = await this.run(this.encoder(), signal, {
      tokens: tensor("i64", [rows.length, prompt.tokens.length], tokens),
      // The first row holds no identity token, so its embedding is not looked at.
      faceEmbedding: stack([new Float32Array(embeddingSize), ...embeddings], [embeddingSize]),
    });
    const [nobody, ...faces] = unstack(conditioning as Tensor<"f32">);
    return { faces, nobody: nobody as Float32Array };
  }

  /**
   * One evaluation of the UNet.
   * @param latents  float32 [N, C, H, W]
   * @param contexts N conditionings, float32 [L * D] each
   * @returns float32 like the latents
   */
  async predict(
    size: ImageSize,
    latents: Float32Array,
    timestep: number,
    contexts: readonly Float32Array[],
    signal?: AbortSignal,
  ): Promise<Float32Array> {
    const [channels, height, width] = this.latentShape(size);
    const count = contexts.length;
    const { prediction } = await this.run(this.unet(size), signal, {
      latents: tensor("f32", [count, channels, height, width], latents),
      timesteps: tensor("f32", [count], new Float32Array(count).fill(timestep)),
      conditioning: stack(contexts, [
        this.folder.manifest.prompt.tokens.length,
        this.folder.encoder.config.hidden_size,
      ]),
    });
    return (prediction as Tensor<"f32">).data;
  }

  /** Latents to pixels, float32 [N, 3, heightPx, widthPx] in [-1, 1]. One image at a time: the decoder's maps are large. */
  async decode(size: ImageSize, latents: Float32Array, signal?: AbortSignal): Promise<Float32Array> {
    const shape = this.latentShape(size);
    const [channels, height, width] = shape;
    const pixels: Float32Array[] = [];
    for (let start = 0; start < latents.length; start += channels * height * width) {
      const one = latents.slice(start, start + channels * height * width);
      const { image } = await this.run(this.decoder(size), signal, {
        latents: tensor("f32", [1, ...shape], one),
      });
      pixels.push((image as Tensor<"f32">).data);
    }
    return stack(pixels, [pixels[0]?.length ?? 0]).data;
  }

  /** [C, H, W] of one image's latents. */
  latentShape({ widthPx, heightPx }: ImageSize): [number, number, number] {
    const factor = latentFactor(this.folder.autoencoder);
    return [this.folder.unet.config.in_channels, heightPx / factor, widthPx / factor];
  }

  /** Begins to load the networks, if they are small; failures are left to the runs. */
  prepare(size: ImageSize, signal?: AbortSignal): void {
    const { unet, encoder, autoencoder } = this.folder;
    const tensors = [unet, encoder, autoencoder].flatMap(({ weights }) => [...weights.entries.values()]);
    if (tensors.reduce((sum, { byteLength }) => sum + byteLength, 0) > smallBytes) return;
    for (const network of [this.encoder(), this.unet(size), this.decoder(size)]) {
      this.session(network, signal).catch(() => undefined);
    }
  }

  /** Frees the memory of all networks. */
  release(): Promise<void> {
    return this.exclusively(async () => {
      // What did not load has nothing to free, and its error belongs to the run that needs it.
      for (const { session } of this.loaded.values()) await (await session.catch(() => undefined))?.release();
      this.loaded.clear();
    });
  }

  private encoder(): Network {
    return { name: "encoder", key: "", build: () => encoderModel(this.folder, this.patch) };
  }

  private unet(size: ImageSize): Network {
    const [, height, width] = this.latentShape(size);
    const build = (device: ExecutionDevice) =>
      unetModel(this.folder, this.patch, height, width, { winograd: device === "cpu" });
    return { name: "unet", key: `${width}x${height}`, build };
  }

  private decoder(size: ImageSize): Network {
    const [, height, width] = this.latentShape(size);
    return { name: "decoder", key: `${width}x${height}`, build: () => decoderModel(this.folder, height, width) };
  }

  private run(
    network: Network,
    signal: AbortSignal | undefined,
    feeds: Record<string, Tensor>,
  ): Promise<Record<string, Tensor>> {
    return this.exclusively(async () => {
      signal?.throwIfAborted();
      const session = await this.session(network, signal);
      return session.run(feeds, { signal });
    });
  }

  private async session({ name, key, build }: Network, signal: AbortSignal | undefined): Promise<Session> {
    const known = this.loaded.get(name);
    if (known?.key === key) return known.session;
    this.loaded.delete(name);
    if (known) await (await known.session).release();
    const session = Session.load(build, { ...this.options, signal });
    this.loaded.set(name, { key, session });
    // A load that failed or was aborted is tried again by the next call.
    session.catch(() => this.loaded.delete(name));
    return session;
  }

  private exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work);
    this.last = result.catch(() => undefined);
    return result;
  }
}

/** Rows of equal length as one tensor [N, ...shape]. */
function stack(rows: readonly Float32Array[], shape: readonly number[]): Tensor<"f32"> {
  const length = rows[0]?.length ?? 0;
  const data = new Float32Array(rows.length * length);
  rows.forEach((row, i) => {
    data.set(row, i * length);
  });
  return tensor("f32", [rows.length, ...shape], data);
}

/** The rows of a tensor, each a copy. */
function unstack({ data, shape }: Tensor<"f32">): Float32Array[] {
  const rows = shape[0] as number;
  const length = data.length / rows;
  return Array.from({ length: rows }, (_, i) => data.slice(i * length, (i + 1) * length));
}
