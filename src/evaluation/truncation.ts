import { join } from "node:path";
import { cosine } from "../face/identity.js";
import { explainedVariance, type PrincipalComponents, truncateEmbedding } from "../identity/principal-components.js";
import { decodeImage } from "../image/decode.js";
import { encodePng } from "../image/encode.js";
import type { Image } from "../image/image.js";
import { contactSheet, type SheetEntry } from "../image/sheet.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import {
  forEachPerson,
  type IdentityOptions,
  type JudgedIdentity,
  judgePerson,
  type SkippedInput,
} from "./identity.js";
import { mean } from "./similarities.js";
import { variancePlotSvg } from "./variance-plot.js";

export interface TruncationOptions extends IdentityOptions {
  /** How many components to keep, in any order. All of them, which is the embedding itself, is always done, too. */
  readonly components: readonly number[];
  readonly principal: PrincipalComponents;
}

/** What the images of truncated embeddings are like. A mean of nothing is null. */
export interface Truncation {
  readonly components: number;
  /** Share of the training embeddings' variance that these explain. */
  readonly variance: number;
  /** Mean cosine of the truncated embedding to the whole one. */
  readonly embeddingSimilarity: number;
  /** Mean cosine of the images to the input, which is not truncated. */
  readonly meanSimilarity: number | null;
  /** The same by the independent recogniser. */
  readonly secondSimilarity: number | null;
  /** Mean cosine of the images to those of the whole embedding with the same seed. */
  readonly similarityToFull: number | null;
  readonly shareFaceFound: number;
}

export interface TruncationEvaluation {
  readonly inputs: number;
  /** Of each truncation. */
  readonly images: number;
  /** All components first. */
  readonly truncations: readonly Truncation[];
  readonly skipped: readonly SkippedInput[];
}

/** People on the sheet at most. */
const peopleLimit = 16;

/**
 * Makes images of embeddings that know less and less of a person: the same seeds for each number of components, so that
 * what differs is the embedding. Writes `pca.json`, `pca.svg` (the variance explained) and `pca.png`: a row for each person
 * and seed, the input first.
 * Source: Arc2Face §4.4, Fig. 9.
 * @throws InputError if there are not so many components; and as {@link forEachPerson}
 */
export async function evaluateTruncation(options: TruncationOptions): Promise<TruncationEvaluation> {
  const { components, principal, out } = options;
  const size = principal.mean.length;
  const counts = [...new Set([size, ...components])].sort((a, b) => b - a);
  const truncate = (embedding: Float32Array, count: number) =>
    count === size ? embedding : truncateEmbedding(principal, embedding, count);
  // A wrong number is told before the work, not after.
  for (const count of counts) truncate(new Float32Array(size).fill(1), count);

  const { results: people, skipped } = await forEachPerson(options, async (person) => {
    const columns: JudgedIdentity[] = [];
    for (const count of counts) {
      const stem = count === size ? person.name : `${person.name}-pca${count}`;
      columns.push(await judgePerson(person, truncate(person.input.first, count), stem, options));
    }
    return columns;
  });
  const explained = explainedVariance(principal);
  const truncations = counts.map((count, column): Truncation => {
    const known = people.map(([full]) => cosine(truncate(full!.input.first, count), full!.input.first));
    const embeddingSimilarity = mean(known)!;
    return { components: count, variance: explained[count - 1]!, embeddingSimilarity, ...compare(people, column) };
  });
  const evaluation = { inputs: people.length, images: people.length * options.request.count, truncations };
  await writeFileAtomic(join(out, "pca.json"), `${JSON.stringify({ ...evaluation, skipped }, null, 2)}\n`);
  await writeFileAtomic(join(out, "pca.svg"), variancePlotSvg(explained, counts));
  await writeFileAtomic(
    join(out, "pca.png"),
    await encodePng(await drawSheet(people, counts, out), { isSynthetic: true }),
  );
  return { ...evaluation, skipped };
}

/** Figures of one column: each person's images of one truncation, beside those of the whole embedding. */
function compare(people: readonly (readonly JudgedIdentity[])[], column: number) {
  const all = people.flatMap((columns) =>
    columns[column]!.images.map(({ face }, i) => ({
      face,
      input: columns[0]!.input,
      whole: columns[0]!.images[i]!.face,
    })),
  );
  const found = all.flatMap(({ face, ...beside }) => (face ? [{ face, ...beside }] : []));
  return {
    meanSimilarity: mean(found.map(({ face, input }) => cosine(face.first, input.first))),
    secondSimilarity: mean(found.map(({ face, input }) => cosine(face.second, input.second))),
    similarityToFull: mean(found.flatMap(({ face, whole }) => (whole ? [cosine(face.first, whole.first)] : []))),
    shareFaceFound: found.length / all.length,
  };
}

async function drawSheet(
  people: readonly (readonly JudgedIdentity[])[],
  counts: readonly number[],
  out: string,
): Promise<Image> {
  const entries: SheetEntry[] = [];
  for (const columns of people.slice(0, peopleLimit)) {
    const { name, input, inputJpeg, images } = columns[0]!;
    for (const i of images.keys()) {
      entries.push({ image: await decodeImage(inputJpeg, { name }), caption: name });
      for (const [column, { images: made }] of columns.entries()) {
        const { file, face } = made[i]!;
        const similarity = face ? cosine(face.first, input.first).toFixed(2) : "no face";
        entries.push({ image: await decodeImage(join(out, file)), caption: `${counts[column]}: ${similarity}` });
      }
    }
  }
  return contactSheet(entries, { columns: counts.length + 1, cellPx: 128 });
}
