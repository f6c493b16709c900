import type { PersonMask } from "../face/person-mask.js";
import { type Image, image } from "../image/image.js";
import { TorchGenerator } from "../tensor/random.js";
import { Dataset, type DatasetIndex } from "./dataset.js";
import { type WriteRowsOptions, writeRows } from "./write-rows.js";

export interface BackdropOptions extends Pick<WriteRowsOptions, "out" | "signal" | "onProgress"> {
  /** Dataset whose people are put before a backdrop. */
  readonly faces: string;
  readonly seed: number;
  readonly mask: Pick<PersonMask, "find">;
}

/** Where an FFHQ-aligned picture has skin and nothing else, as shares of its side. */
const faceBox = { left: 0.35, top: 0.4, right: 0.65, bottom: 0.75 } as const;
/** Less of the face than this found to be of the person: the mask is wrong. */
const minFace = 0.95;
/** More of the picture than this neither person nor background: smoke around the head. */
const maxUnsure = 0.12;
/** What counts as unsure. */
const unsure = { above: 0.15, below: 0.85 } as const;

/**
 * Makes a dataset of the people of another before the plain backdrop of a portrait studio, with the embeddings that they have: the
 * face stays as it is. A second call goes on after an interruption; equal options give equal rows.
 * @throws InputError as {@link writeRows}
 */
export async function addBackdrops(options: BackdropOptions): Promise<DatasetIndex> {
  const { out, seed, mask, signal, onProgress } = options;
  const dataset = await Dataset.open(options.faces);
  try {
    const { sizePx, embeddings } = dataset.index;
    return await writeRows({
      ...{ out, sizePx, signal, onProgress },
      faces: { recogniser: embeddings.recogniser, embeddingSize: embeddings.size },
      settings: { faces: dataset.sha256, seed },
      items: Array.from({ length: dataset.count }, (_, i) => ({ name: `backdrop-${seed}-${i}` })),
      async makeRow(index) {
        const photo = image(sizePx, sizePx, await dataset.readImage(index));
        const person = await mask.find(photo, signal);
        if (faceShare(person, sizePx) < minFace) return { reason: "the face is not clear" };
        if (unsureShare(person) > maxUnsure) return { reason: "the person does not stand out" };
        const random = new TorchGenerator(BigInt(seed) * 1_000_003n + BigInt(index));
        return {
          crop: composite(photo, person, drawBackdrop(sizePx, random)),
          embedding: await dataset.readEmbedding(index),
        };
      },
    });
  } finally {
    await dataset.close();
  }
}

/** Mean of the mask where the face is. */
function faceShare(mask: Float32Array, sizePx: number): number {
  const [left, right] = [Math.round(faceBox.left * sizePx), Math.round(faceBox.right * sizePx)];
  const [top, bottom] = [Math.round(faceBox.top * sizePx), Math.round(faceBox.bottom * sizePx)];
  let sum = 0;
  for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) sum += mask[y * sizePx + x] as number;
  return sum / ((right - left) * (bottom - top));
}

function unsureShare(mask: Float32Array): number {
  return mask.filter((value) => value > unsure.above && value < unsure.below).length / mask.length;
}

/** A grey wall, warm or cool, which one lamp lights from a side: what the studio portraits of `mini`'s data have. */
function drawBackdrop(sizePx: number, random: TorchGenerator): Image {
  const [grey = 0, warmth = 0, across = 0, down = 0] = random.randn([4]).data;
  const level = Math.min(230, Math.max(110, 188 + 30 * grey));
  const colour = [3 + 5 * warmth, 1.5 * warmth, -3 - 5 * warmth].map((tint) => level + tint);
  const wall = new Uint8Array(sizePx * sizePx * 3);
  for (let y = 0; y < sizePx; y++) {
    for (let x = 0; x < sizePx; x++) {
      const light = 12 * (across * (x / sizePx - 0.5) + down * (y / sizePx - 0.5));
      for (let c = 0; c < 3; c++) {
        wall[(y * sizePx + x) * 3 + c] = Math.min(255, Math.max(0, Math.round((colour[c] as number) + light)));
      }
    }
  }
  return image(sizePx, sizePx, wall);
}

function composite(front: Image, mask: Float32Array, back: Image): Image {
  const data = front.data.map((value, i) => {
    const share = mask[Math.floor(i / 3)] as number;
    return Math.round(share * value + (1 - share) * (back.data[i] as number));
  });
  return image(front.widthPx, front.heightPx, data);
}
