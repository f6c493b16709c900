import { CircleAlert, Info } from "lucide-react";
import type { ReactNode } from "react";
import { messageOf } from "../api/problem.js";
import styles from "./notice.module.css";

/** Something went wrong, and what to do. Read out at once. */
export function ErrorNotice({ error, children }: { error: unknown; children?: ReactNode }) {
  if (error === undefined) return null;
  return (
    <div className={`${styles.notice} ${styles.error}`} role="alert">
      <CircleAlert size={20} aria-hidden />
      <p>{messageOf(error)}</p>
      {children}
    </div>
  );
}

/** Something worth knowing. */
export function Hint({ children }: { children: ReactNode }) {
  return (
    <div className={styles.notice}>
      <Info size={20} aria-hidden />
      <div>{children}</div>
    </div>
  );
}
