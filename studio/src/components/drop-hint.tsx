import { ImageUp } from "lucide-react";
import styles from "./drop-hint.module.css";

/** Shown over any page while a photo is held over it. */
export function DropHint() {
  return (
    <div className={styles.hint} aria-hidden>
      <ImageUp size={36} strokeWidth={1.5} />
      Let go to make a face of this photo
    </div>
  );
}
