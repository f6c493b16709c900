import type { ImageMetadata } from "../../../src/server/api/types.js";
import { formatSimilarity, verdictOf } from "../state/verdict.js";
import styles from "./similarity-scale.module.css";

/** Cosines below this are drawn at the left end: strangers lie around 0. */
const lowest = -0.2;

function place(similarity: number): string {
  const share = (Math.max(lowest, Math.min(1, similarity)) - lowest) / (1 - lowest);
  return `${share * 100}%`;
}

/** Where an image lies between a stranger and the same picture, with the recogniser's threshold. */
export function SimilarityScale({ image }: { image: ImageMetadata }) {
  const { similarity, threshold } = image;
  const { explanation, tone } = verdictOf(image);
  if (similarity === null) return <p className={styles.explanation}>{explanation}</p>;
  return (
    <div className={styles.scale}>
      <div className={styles.track} aria-hidden>
        {threshold !== null && <span className={styles.threshold} style={{ left: place(threshold) }} />}
        <span className={`${styles.dot} ${styles[tone]}`} style={{ left: place(similarity) }} />
      </div>
      <div className={styles.ends} aria-hidden>
        <span>a stranger</span>
        <span>the same picture</span>
      </div>
      <p className={styles.explanation}>
        {explanation} Similarity {formatSimilarity(similarity)}
        {threshold !== null && `; from ${formatSimilarity(threshold)} on, two faces count as one person`}.
      </p>
    </div>
  );
}
