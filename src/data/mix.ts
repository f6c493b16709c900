import { InputError } from "../errors.js";
import { cosine } from "../face/identity.js";
import { type LandmarkNetwork, points5Of } from "../face/landmarks.js";
import type { Recogniser } from "../face/recogniser.js";
import type { Point } from "../image/affine.js";
import { image } from "../image/image.js";
import { type FacePicture, mixFaces, shapeDistance } from "../image/mix-faces.js";
import { TorchGenerator } from "../tensor/random.js";
import { Dataset, type DatasetIndex } from "./dataset.js";
import { type WriteRowsOptions, writeRows } from "./write-rows.js";

export interface MixOptions extends Pick<WriteRowsOptions, "out" | "signal" | "onProgress"> {
  /** Dataset whose heads get other faces. */
  readonly heads: string;
  /** Dataset of the faces; may be the same. */
  readonly faces: string;
  /** Mixtures to try; a few fail. */
  readonly count: number;
  /** Least share of the other face; shares are drawn evenly from here to 1. */
  readonly leastShare: number;
  readonly seed: number;
  readonly landmarks: Pick<LandmarkNetwork, "locate">;
  /** The one that embedded the datasets. */
  readonly recogniser: Pick<Recogniser, "id" | "align" | "embed">;
}

/** A face is mixed with one of those that the recogniser finds most like it: about the same age, sex and skin. */
const alikeCount = 100;
/** Of them, so many are looked at, and the one that stands most alike is taken. */
const tries = 8;
/** Shapes further apart do not mix (see {@link shapeDistance}). */
const maxShapeDistance = 0.1;
/** Seams that differ by more show: a fringe of the one on the other's brow, light from another side. */
const maxSeam = 40;
/** Two looks at landmarks that differ by more are not to be trusted, in heights of a face's box. */
const maxDisagreement = 0.05;
/** Where an FFHQ-aligned picture has its face's box, as shares of its side. */
const ffhqBox = { left: 0.2, top: 0.24, right: 0.8, bottom: 0.84 } as const;

/**
 * Makes a dataset of people who are nobody: faces of one dataset mixed with heads of another, embedded anew. A second
 * call goes on after an interruption; equal options give equal rows.
 * @throws InputError if the datasets differ in size or recogniser; and as {@link writeRows}
 */
export async function mixDataset(options: MixOptions): Promise<DatasetIndex> {
  const { out, count, leastShare, seed, landmarks, recogniser, signal, onProgress } = options;
  const heads = await Roll.open(options.heads, landmarks);
  const faces = await Roll.open(options.faces, landmarks).catch(async (error) => {
    await heads.close();
    throw error;
  });
  try {
    for (const { dataset } of [heads, faces]) {
      if (dataset.index.embeddings.recogniser.sha256 === recogniser.id.sha256) continue;
      throw new InputError(`${dataset.folder} was embedded by another recogniser; give it by --recogniser`);
    }
    const { sizePx, embeddings } = heads.dataset.index;
    if (sizePx !== faces.dataset.index.sizePx) throw new InputError("the datasets differ in the size of their images");
    return await writeRows({
      ...{ out, sizePx, signal, onProgress },
      faces: { recogniser: embeddings.recogniser, embeddingSize: embeddings.size },
      settings: { heads: heads.dataset.sha256, faces: faces.dataset.sha256, leastShare, seed },
      items: Array.from({ length: count }, (_, i) => ({ name: `mix-${seed}-${i}` })),
      async makeRow(index) {
        const random = new TorchGenerator(BigInt(seed) * 1_000_003n + BigInt(index));
        const draw = () => random.rand([1]).data[0]!;
        const row = Math.floor(draw() * faces.dataset.count);
        const other = await faces.picture(row, signal);
        if (!other) return { reason: "its landmarks are unsure" };
        const own = faces.dataset.sha256 === heads.dataset.sha256 ? row : undefined;
        const head = await findHead(heads, heads.mostAlike(faces.embeddings[row]!, own), other, draw, signal);
        if (!head) return { reason: "no head stands like it" };
        const mixed = mixFaces(head, other, leastShare + draw() * (1 - leastShare));
        if (mixed.seam > maxSeam) return { reason: "hair or light do not fit its head's" };
        const crop = recogniser.align(mixed.image, points5Of(mixed.landmarks));
        const [embedded] = await recogniser.embed([crop], signal);
        return { crop: mixed.image, embedding: embedded!.embedding };
      },
    });
  } finally {
    await Promise.all([heads.close(), faces.close()]);
  }
}

/** Of some heads the one that stands most like a face. */
async function findHead(
  heads: Roll,
  rows: readonly number[],
  other: FacePicture,
  draw: () => number,
  signal: AbortSignal | undefined,
): Promise<FacePicture | undefined> {
  let best: { head: FacePicture; distance: number } | undefined;
  for (let k = 0; k < tries; k++) {
    const head = await heads.picture(rows[Math.floor(draw() * rows.length)]!, signal);
    const distance = head ? shapeDistance(head.landmarks, other.landmarks) : Number.POSITIVE_INFINITY;
    if (head && distance < (best?.distance ?? maxShapeDistance)) best = { head, distance };
  }
  return best?.head;
}

/** A dataset whose embeddings are at hand, and whose landmarks are found when asked for. */
class Roll {
  private readonly landmarks = new Map<number, readonly Point[] | undefined>();

  private constructor(
    readonly dataset: Dataset,
    readonly embeddings: readonly Float32Array[],
    private readonly network: Pick<LandmarkNetwork, "locate">,
  ) {}

  static async open(folder: string, network: Pick<LandmarkNetwork, "locate">): Promise<Roll> {
    const dataset = await Dataset.open(folder);
    const embeddings: Float32Array[] = [];
    for (let row = 0; row < dataset.count; row++) embeddings.push(await dataset.readEmbedding(row));
    return new Roll(dataset, embeddings, network);
  }

  /** Rows of those whom the recogniser finds most like an embedding, but for one. */
  mostAlike(embedding: Float32Array, except: number | undefined): number[] {
    const similarities = this.embeddings.map((other) => cosine(other, embedding));
    return Array.from(similarities.keys())
      .filter((row) => row !== except)
      .sort((a, b) => similarities[b]! - similarities[a]!)
      .slice(0, alikeCount);
  }

  /** A row's face; undefined if its landmarks are unsure. */
  async picture(row: number, signal: AbortSignal | undefined): Promise<FacePicture | undefined> {
    const { sizePx } = this.dataset.index;
    const picture = image(sizePx, sizePx, await this.dataset.readImage(row));
    if (!this.landmarks.has(row)) {
      const { left, top, right, bottom } = ffhqBox;
      const box = [left * sizePx, top * sizePx, right * sizePx, bottom * sizePx] as const;
      const { points, disagreement } = await this.network.locate(picture, box, undefined, signal);
      this.landmarks.set(row, disagreement > maxDisagreement ? undefined : points);
    }
    const landmarks = this.landmarks.get(row);
    return landmarks && { image: picture, landmarks };
  }

  close(): Promise<void> {
    return this.dataset.close();
  }
}
