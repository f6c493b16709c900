import type { Identity } from "../../../src/server/api/types.js";
import styles from "./portrait.module.css";

const hues = 12;

/** Two letters that stand for a name. */
function initials(name: string): string {
  const words = name.split(/\s+/).filter(Boolean);
  return words
    .slice(0, 2)
    .map((word) => [...word][0]?.toUpperCase())
    .join("");
}

/** The face of an identity; letters on a colour of its own, where there is no picture yet. Its name stands beside it. */
export function Portrait({
  identity,
  size = "m",
}: {
  identity: Identity | undefined;
  size?: "s" | "m" | "l" | "fill";
}) {
  const className = `${styles.portrait} ${styles[size]}`;
  if (!identity) return <span className={className} aria-hidden />;
  if (identity.portraitUrl !== null) return <img className={className} src={identity.portraitUrl} alt="" />;
  const hue = Number.parseInt(identity.id.slice(0, 4), 16) % hues;
  return (
    <span className={className} aria-hidden style={{ "--hue": `${(hue * 360) / hues}deg` } as React.CSSProperties}>
      {initials(identity.name)}
    </span>
  );
}
