import { Download } from "lucide-react";
import type { Generation } from "../../../src/server/api/types.js";
import { downloadUrl } from "../api/client.js";
import { type Frame, framesOf, type GenerationState, hasEnded } from "../state/generation-state.js";
import { hrefOf } from "../state/route.js";
import { verdictOf } from "../state/verdict.js";
import styles from "./frames.module.css";
import { VerdictBadge } from "./verdict-badge.js";

/** The images of a generation: those that are there, those that are coming, and how much they resemble the face. */
export function Frames({ state, name }: { state: GenerationState; name: string }) {
  const { generation } = state;
  const frames = framesOf(state);
  return (
    <ul className={`${styles.frames} ${frames.length <= 2 || frames.length === 4 ? styles.few : ""}`}>
      {frames.map((frame) => (
        <li key={frame.seed}>
          <FrameItem frame={frame} generation={generation} name={name} />
        </li>
      ))}
    </ul>
  );
}

function FrameItem({ frame, generation, name }: { frame: Frame; generation: Generation; name: string }) {
  const { seed, image, preview } = frame;
  if (!image) {
    const text = preview ? `Step ${preview.step} of ${preview.steps}` : waitingText(generation);
    const share = preview ? `${(preview.step / preview.steps) * 100}%` : "0%";
    return (
      <figure className={styles.frame}>
        <div className={`${styles.picture} ${preview ? "" : styles.empty}`}>
          {preview && <img src={preview.picture} alt="" />}
        </div>
        <figcaption>
          <span className={styles.bar} aria-hidden style={{ "--share": share } as React.CSSProperties} />
          <span className={styles.note}>{text}</span>
        </figcaption>
      </figure>
    );
  }
  const { words } = verdictOf(image);
  return (
    <figure className={`${styles.frame} ${styles.finished}`}>
      <a className={styles.picture} href={hrefOf({ view: "image", id: generation.id, seed })}>
        <img
          src={image.url}
          width={image.widthPx}
          height={image.heightPx}
          alt={`${name}, synthetic, seed ${seed}. ${words}. Look closer.`}
        />
        <span className={styles.mark} aria-hidden>
          Synthetic
        </span>
      </a>
      <a className={styles.download} href={downloadUrl(image)} download title="Download as PNG">
        <Download size={18} aria-hidden />
        <span className="visually-hidden">Download seed {seed}</span>
      </a>
      <figcaption>
        <VerdictBadge image={image} />
        <span className={styles.note}>Seed {seed}</span>
      </figcaption>
    </figure>
  );
}

function waitingText(generation: Generation): string {
  if (hasEnded(generation)) return "";
  return generation.status === "queued" ? "In the queue" : "Its turn comes";
}
