import { useStudio } from "../hooks/use-studio.js";
import { percent } from "../state/format.js";
import { FacePicker } from "./face-picker.js";
import { Segments, SelectField, SliderField } from "./field.js";
import { Portrait } from "./portrait.js";
import styles from "./who.module.css";

const modes = [
  { value: "one", label: "One face" },
  { value: "between", label: "Between two" },
] as const;

/** Whose images are to be made: one face's, or those of someone between two. */
export function Who() {
  const { settings, identities, change } = useStudio();
  const { mode, identity } = settings;
  const chooseMode = (next: "one" | "between") => {
    const other = identities.find(({ id }) => id !== identity)?.id ?? null;
    const from = identity ?? identities.find(({ id }) => id !== other)?.id ?? null;
    change(next === "between" ? { mode: next, identity: from, to: settings.to ?? other } : { mode: next });
  };
  return (
    <div className={styles.who}>
      <Segments legend="Whose images" value={mode} options={modes} onChange={chooseMode} />
      {mode === "one" ? (
        <FacePicker
          legend="Face"
          identities={identities}
          value={identity}
          onChange={(id) => change({ identity: id })}
        />
      ) : (
        <Between />
      )}
    </div>
  );
}

function Between() {
  const { settings, identities, change, identityOf, nameOf } = useStudio();
  const { identity, to, share } = settings;
  if (identities.length < 2)
    return <p className={styles.note}>This needs two faces. Add another one, or one that nobody has.</p>;
  const none = { value: "", label: "Choose…" };
  const options = identities.map(({ id, name }) => ({ value: id, label: name }));
  const spoken =
    identity && to ? `${nameOf(identity)} ${percent(1 - share)}, ${nameOf(to)} ${percent(share)}` : undefined;
  return (
    <div className={styles.between}>
      <div className={styles.ends}>
        <Portrait identity={identity === null ? undefined : identityOf(identity)} size="m" />
        <Portrait identity={to === null ? undefined : identityOf(to)} size="m" />
      </div>
      <div className={styles.ends}>
        <SelectField
          label="From"
          value={identity ?? ""}
          options={identity === null ? [none, ...options] : options}
          onChange={(id) => change({ identity: id })}
        />
        <SelectField
          label="To"
          value={to ?? ""}
          options={to === null ? [none, ...options] : options}
          onChange={(id) => change({ to: id })}
        />
      </div>
      <SliderField
        label="How far between"
        hint="A person in between, along the shortest way from face to face. In the middle it is neither of the two."
        value={Math.round(share * 100)}
        min={0}
        max={100}
        step={5}
        text={percent(share)}
        spoken={spoken}
        onChange={(value) => change({ share: value / 100 })}
      />
    </div>
  );
}
