import { cosine } from "../face/identity.js";
import type { IdentityEvaluation, JudgedIdentity } from "./identity.js";
import type { JudgedFace, Threshold } from "./judges.js";
import type { Nearest } from "./nearest.js";
import { embeddingDistance, mean, meanAcrossGroups, meanOverPairs, shareFrom } from "./similarities.js";

/** The figures of an evaluation; docs/evaluation.md defines them. Null where there is nothing to take a mean of. */
export interface IdentitySummary {
  readonly inputs: number;
  readonly images: number;
  readonly meanSimilarity: number | null;
  readonly shareAboveThreshold: number | null;
  readonly shareFaceFound: number;
  readonly crossSimilarity: number | null;
  readonly secondRecogniser: {
    readonly name: string;
    readonly meanSimilarity: number | null;
    readonly shareAboveThreshold: number | null;
  };
  readonly diversity: { readonly embedding: number | null; readonly pixel: number | null };
  /** Mean similarity of an image to the nearest training image; null without a dataset. */
  readonly nearestTraining: number | null;
}

/** Which of the two recognisers. */
export type Side = "first" | "second";

/** Cosine of each image's face to its input, by one recogniser; images without a face are left out. */
export function inputSimilarities({ identities }: Pick<IdentityEvaluation, "identities">, side: Side): number[] {
  return identities.flatMap(({ input, images }) =>
    images.flatMap(({ face }) => (face ? [cosine(face[side], input[side])] : [])),
  );
}

/** Source: Arc2Face §4.1 and §4.4. */
export function summariseIdentity(
  evaluation: Pick<IdentityEvaluation, "identities">,
  first: Threshold,
  second: Threshold,
  nearest?: readonly Nearest[],
): IdentitySummary {
  const { identities } = evaluation;
  const count = identities.reduce((sum, { images }) => sum + images.length, 0);
  const figuresOf = (side: Side, { threshold }: Threshold) => {
    const values = inputSimilarities(evaluation, side);
    return { meanSimilarity: mean(values), shareAboveThreshold: shareFrom(values, threshold, count) };
  };
  const faces = identities.map((identity) => facesOf(identity).map((face) => face.first));
  const perIdentity = (values: readonly (number | null)[]) => mean(values.filter((value) => value !== null));
  return {
    inputs: identities.length,
    images: count,
    ...figuresOf("first", first),
    shareFaceFound: faces.flat().length / count,
    crossSimilarity: meanAcrossGroups(faces),
    secondRecogniser: { name: second.name, ...figuresOf("second", second) },
    diversity: {
      embedding: perIdentity(faces.map((vectors) => meanOverPairs(vectors, embeddingDistance))),
      pixel: perIdentity(identities.map(({ pixelDiversity }) => pixelDiversity)),
    },
    nearestTraining: nearest ? mean(nearest.map(({ similarity }) => similarity)) : null,
  };
}

/** The faces of a person's images, those that show one. */
export function facesOf({ images }: JudgedIdentity): JudgedFace[] {
  return images.flatMap(({ face }) => (face ? [face] : []));
}
