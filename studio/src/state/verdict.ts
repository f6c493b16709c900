import type { Image } from "../../../src/server/api/types.js";

/** How an image compares with the face it was made of, in words. */
export interface Verdict {
  readonly tone: "good" | "unsure" | "bad" | "none";
  readonly words: string;
  /** The cosine with two digits, if there is one. */
  readonly number: string | undefined;
  /** One sentence. */
  readonly explanation: string;
}

type Measured = Pick<Image, "faceFound" | "similarity" | "verdict">;

const verdicts = {
  same: {
    tone: "good",
    words: "Same person",
    explanation: "The recogniser takes this face and the original for one person.",
  },
  unsure: {
    tone: "unsure",
    words: "Hard to tell",
    explanation: "The recogniser is not sure whether this is the same person. Try another seed, or more guidance.",
  },
  different: {
    tone: "bad",
    words: "Someone else",
    explanation: "The recogniser takes this for another person. Try another seed, or more guidance.",
  },
} as const;

export function verdictOf({ faceFound, similarity, verdict }: Measured): Verdict {
  const number = similarity === null ? undefined : formatSimilarity(similarity);
  if (verdict !== null) return { ...verdicts[verdict], number };
  if (faceFound === false) {
    const explanation = "There is no face to compare in this image. Try another seed, or more steps.";
    return { tone: "bad", words: "No face found", number, explanation };
  }
  const explanation =
    "This image was not compared with the original: the recogniser is not there, or its scale unknown.";
  return { tone: "none", words: "Not compared", number, explanation };
}

/** Two digits, with a real minus sign. */
export function formatSimilarity(similarity: number): string {
  return similarity.toFixed(2).replace("-", "−").replace("−0.00", "0.00");
}

/** How many of the images show the person, in words. */
export function summarizeVerdicts(images: readonly Measured[]): string | undefined {
  const judged = images.filter(({ verdict, faceFound }) => verdict !== null || faceFound === false);
  if (judged.length === 1) return verdictOf(judged[0]!).words;
  if (judged.length === 0) return undefined;
  const same = judged.filter(({ verdict }) => verdict === "same").length;
  if (same === judged.length) return `All ${same} the same person`;
  return `${same} of ${judged.length} the same person`;
}
