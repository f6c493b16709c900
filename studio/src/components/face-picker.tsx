import { Plus } from "lucide-react";
import { useId } from "react";
import type { Identity } from "../../../src/server/api/types.js";
import { hrefOf } from "../state/route.js";
import styles from "./face-picker.module.css";
import { Portrait } from "./portrait.js";

/** All faces of the library, one of which is chosen; and the way to a new one. */
export function FacePicker(props: {
  legend: string;
  identities: readonly Identity[];
  value: string | null;
  onChange: (id: string) => void;
}) {
  const { legend, identities, value, onChange } = props;
  const name = useId();
  return (
    <fieldset className={styles.picker}>
      <legend>{legend}</legend>
      <div className={styles.faces}>
        {identities.map((identity) => (
          <label key={identity.id} className={styles.face}>
            <input type="radio" name={name} checked={identity.id === value} onChange={() => onChange(identity.id)} />
            <Portrait identity={identity} size="fill" />
            <span className={styles.name}>{identity.name}</span>
          </label>
        ))}
        <a className={styles.face} href={hrefOf({ view: "new" })}>
          <span className={styles.add} aria-hidden>
            <Plus size={22} />
          </span>
          <span className={styles.name}>New face</span>
        </a>
      </div>
    </fieldset>
  );
}
