import { useId } from "react";
import { hrefOf } from "../state/route.js";
import styles from "./consent.module.css";
import { Hint } from "./notice.js";

export type Consent = "mine" | "agreed" | "other";

const choices = [
  { value: "mine", label: "It is mine" },
  { value: "agreed", label: "That of someone who agreed that I make images of them" },
  { value: "other", label: "That of someone else" },
] as const;

/** Whose face it is. A face of someone who did not agree goes no further. */
export function ConsentField({ value, onChange }: { value: Consent | null; onChange: (value: Consent) => void }) {
  const name = useId();
  return (
    <div className={styles.consent}>
      <fieldset className={styles.choices}>
        <legend>Whose face is it?</legend>
        {choices.map((choice) => (
          <label key={choice.value} className={styles.choice}>
            <input
              type="radio"
              name={name}
              required
              checked={choice.value === value}
              onChange={() => onChange(choice.value)}
            />
            {choice.label}
          </label>
        ))}
      </fieldset>
      {value === "other" && (
        <Hint>
          Please ask them first. To try the studio without anybody’s photo, take{" "}
          <a href={hrefOf({ view: "nobody" })}>a face that nobody has</a>.
        </Hint>
      )}
    </div>
  );
}
