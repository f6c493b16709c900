import type { ReactNode } from "react";
import styles from "./empty-state.module.css";

/** What stands where nothing is yet: why, and the first step. */
export function EmptyState({ title, text, children }: { title: string; text: string; children: ReactNode }) {
  return (
    <div className={styles.empty}>
      <h2>{title}</h2>
      <p>{text}</p>
      <div className={styles.actions}>{children}</div>
    </div>
  );
}
