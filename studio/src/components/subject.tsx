import type { Generation } from "../../../src/server/api/types.js";
import { useStudio } from "../hooks/use-studio.js";
import { Portrait } from "./portrait.js";
import styles from "./subject.module.css";

/** The face that images were made of, or the two. */
export function Subject(props: { identity: Generation["request"]["identity"]; size: "s" | "l" }) {
  const { identity, size } = props;
  const { identityOf } = useStudio();
  const ids = typeof identity === "string" ? [identity] : [identity.from, identity.to];
  return (
    <div className={`${styles.subject} ${styles[size]}`}>
      {ids.map((id) => (
        <Portrait key={id} identity={identityOf(id)} size={size} />
      ))}
    </div>
  );
}
