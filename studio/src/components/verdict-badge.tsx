import { CircleCheck, CircleHelp, CircleMinus, CircleX } from "lucide-react";
import type { Image } from "../../../src/server/api/types.js";
import { verdictOf } from "../state/verdict.js";
import styles from "./verdict-badge.module.css";

const icons = { good: CircleCheck, unsure: CircleHelp, bad: CircleX, none: CircleMinus };

/** Whether an image shows the person: an icon, words and the number. */
export function VerdictBadge({ image }: { image: Image }) {
  const { tone, words, number, explanation } = verdictOf(image);
  const Icon = icons[tone];
  return (
    <span className={`${styles.badge} ${styles[tone]}`} title={explanation}>
      <Icon size={16} aria-hidden />
      <span>{words}</span>
      {number !== undefined && (
        <span className={styles.number}>
          <span className="visually-hidden">, similarity </span>
          {number}
        </span>
      )}
    </span>
  );
}
