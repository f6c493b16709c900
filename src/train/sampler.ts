import type { FaceRows } from "../data/dataset.js";
import { guidanceScaleAt, guide } from "../diffusion/guidance.js";
import { type Denoise, sample } from "../diffusion/sample.js";
import type { SamplerPlan } from "../diffusion/sampler.js";
import { exportOnnx } from "../graph/export.js";
import { clip } from "../graph/operators/index.js";
import { input, type Value } from "../graph/value.js";
import { type Image, image } from "../image/image.js";
import { toImages } from "../image/network-output.js";
import { contactSheet } from "../image/sheet.js";
import { Session } from "../runtime/session.js";
import type { SessionState } from "../runtime/session-state.js";
import { f32, type Tensor, tensor } from "../tensor/tensor.js";
import type { Prompt } from "./diffusion-networks.js";
import { randomFor } from "./random.js";
import type { ReadWeight } from "./task.js";
import type { TrainableWeights } from "./weights.js";

export interface SamplerOptions {
  readonly dataset: FaceRows;
  /** [C, H, W] */
  readonly latentShape: readonly [number, number, number];
  readonly plan: SamplerPlan;
  readonly prompt: Prompt;
  predict(latents: Value, timesteps: Value, tokens: Value, faceEmbedding: Value): Value;
  decode(latents: Value): Value;
  readonly weights: TrainableWeights;
  readonly seed: number;
  /** People on the sheet. */
  readonly count: number;
  readonly guidanceScale: number;
}

/**
 * Samples with the weights of the moment. The networks are compiled once, with the trained weights as inputs. People and
 * noise stay the same throughout a run, so that sheets can be compared.
 */
export class Sampler {
  private sessions: Promise<{ denoiser: Session; decoder: Session }> | undefined;

  constructor(private readonly options: SamplerOptions) {}

  /** Pairs of a photo from the dataset and a sample for its embedding. */
  async makeSheet(read: ReadWeight, signal: AbortSignal | undefined): Promise<Image> {
    const { dataset, count, latentShape, seed, plan } = this.options;
    const rows = Array.from({ length: Math.min(count, dataset.count) }, (_, i) =>
      Math.floor((i * dataset.count) / count),
    );
    const faces = await Promise.all(rows.map((row) => dataset.readEmbedding(row)));
    this.sessions ??= this.load();
    const { denoiser, decoder } = await this.sessions;
    const state = await this.createState(denoiser, read);
    try {
      const rng = randomFor(seed, "samples");
      const draw = () => rng.randn([rows.length, ...latentShape]).data;
      const denoise = this.denoiseFor(denoiser, state, faces);
      let latents = new Float32Array();
      for await (const { x } of sample({
        plan,
        denoise,
        initialNoise: draw(),
        drawNoise: draw,
        ...(signal && { signal }),
      })) {
        latents = x as Float32Array<ArrayBuffer>;
      }
      const { sizePx } = dataset.index;
      const entries: { image: Image }[] = [];
      const length = latents.length / rows.length;
      for (const [i, row] of rows.entries()) {
        const one = f32([1, ...latentShape], latents.slice(i * length, (i + 1) * length));
        const { pixels } = await decoder.run({ latents: one });
        const [sampled] = toImages((pixels as Tensor<"f32">).data, { widthPx: sizePx, heightPx: sizePx });
        entries.push({ image: image(sizePx, sizePx, await dataset.readImage(row)) }, { image: sampled as Image });
      }
      return await contactSheet(entries, { columns: 2 * Math.ceil(Math.sqrt(rows.length / 2)), gutterPx: 2 });
    } finally {
      await state?.release();
    }
  }

  async release(): Promise<void> {
    if (!this.sessions) return;
    const { denoiser, decoder } = await this.sessions;
    await Promise.all([denoiser.release(), decoder.release()]);
  }

  private async load() {
    const { latentShape, prompt, dataset, weights } = this.options;
    const latents = input("latents", "f32", ["batch", ...latentShape]);
    const timesteps = input("timesteps", "f32", ["batch"]);
    const tokens = input("tokens", "i64", ["batch", prompt.tokens.length]);
    const faceEmbedding = input("faceEmbedding", "f32", ["batch", dataset.index.embeddings.size]);
    const prediction = this.options.predict(latents, timesteps, tokens, faceEmbedding);
    const trained = [...weights.parameters.values()].map(({ value }) => value);
    const graph = { inputs: [latents, timesteps, tokens, faceEmbedding, ...trained], outputs: { prediction } };
    const one = input("latents", "f32", [1, ...latentShape]);
    const pixels = clip(this.options.decode(one), -1, 1);
    return {
      denoiser: await Session.load(exportOnnx(graph)),
      decoder: await Session.load(exportOnnx({ inputs: [one], outputs: { pixels } })),
    };
  }

  private async createState(denoiser: Session, read: ReadWeight): Promise<SessionState | undefined> {
    const paths = [...this.options.weights.parameters.keys()];
    const initial: Record<string, Tensor> = {};
    for (const path of paths) initial[path] = await read(path);
    return denoiser.createState(initial);
  }

  private denoiseFor(session: Session, state: SessionState | undefined, faces: readonly Float32Array[]): Denoise {
    const { prompt, guidanceScale, latentShape, dataset } = this.options;
    const batch = faces.length;
    return async (x, step) => {
      const scale = guidanceScaleAt({ scale: guidanceScale }, step);
      const branches = scale === 1 ? 1 : 2;
      const embedding = new Float32Array(branches * batch * dataset.index.embeddings.size);
      faces.forEach((face, i) => {
        embedding.set(face, i * face.length);
      });
      const both = new Float32Array(branches * x.length);
      for (let branch = 0; branch < branches; branch++) both.set(x, branch * x.length);
      const rows = Array.from({ length: branches * batch }, (_, i) =>
        i < batch ? prompt.tokens : prompt.unconditional,
      );
      const { prediction } = await session.run(
        {
          latents: f32([branches * batch, ...latentShape], both),
          timesteps: f32([branches * batch], new Float32Array(branches * batch).fill(step.timestep)),
          tokens: tensor("i64", [branches * batch, prompt.tokens.length], BigInt64Array.from(rows.flat(), BigInt)),
          faceEmbedding: f32([branches * batch, dataset.index.embeddings.size], embedding),
        },
        { ...(state && { state }) },
      );
      const data = (prediction as Tensor<"f32">).data;
      if (branches === 1) return data;
      return guide(data.subarray(0, x.length), data.subarray(x.length), { scale, batch });
    };
  }
}
