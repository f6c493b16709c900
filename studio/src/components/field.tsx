import { type ReactNode, useId } from "react";
import styles from "./field.module.css";

interface Explained {
  readonly label: string;
  /** One line on what it does. */
  readonly hint?: ReactNode;
}

function HintLine({ id, hint }: { id: string; hint: ReactNode }) {
  if (hint === undefined) return null;
  return (
    <p id={`${id}-hint`} className={styles.hint}>
      {hint}
    </p>
  );
}

/** A number that is set by a slider. */
export function SliderField(
  props: Explained & {
    value: number;
    min: number;
    max: number;
    step?: number;
    /** How the value is written. */
    text?: string;
    /** How it is read out, if that says more. */
    spoken?: string;
    onChange: (value: number) => void;
  },
) {
  const { label, hint, value, min, max, step = 1, text = String(value), spoken = text, onChange } = props;
  const id = useId();
  const share = `${((value - min) / (max - min)) * 100}%`;
  return (
    <div className={styles.field}>
      <div className={styles.row}>
        <label htmlFor={id}>{label}</label>
        <output htmlFor={id} className={styles.value}>
          {text}
        </output>
      </div>
      <input
        id={id}
        className={styles.slider}
        style={{ "--share": share } as React.CSSProperties}
        type="range"
        {...{ min, max, step, value }}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        aria-valuetext={spoken}
        onChange={(event) => onChange(event.target.valueAsNumber)}
      />
      <HintLine id={id} hint={hint} />
    </div>
  );
}

/** A choice of a few. */
export function SelectField<Value extends string>(
  props: Explained & {
    value: Value;
    options: readonly { readonly value: Value; readonly label: string }[];
    onChange: (value: Value) => void;
  },
) {
  const { label, hint, value, options, onChange } = props;
  const id = useId();
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        className={styles.input}
        value={value}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onChange={(event) => onChange(event.target.value as Value)}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      <HintLine id={id} hint={hint} />
    </div>
  );
}

/** A line of text. */
export function TextField(
  props: Explained & { value: string; onChange: (value: string) => void } & Omit<
      React.ComponentProps<"input">,
      "onChange" | "value"
    >,
) {
  const { label, hint, value, onChange, ...rest } = props;
  const id = useId();
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      <input
        {...rest}
        id={id}
        className={styles.input}
        value={value}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onChange={(event) => onChange(event.target.value)}
      />
      <HintLine id={id} hint={hint} />
    </div>
  );
}

/** Two or three ways, one of which is taken. */
export function Segments<Value extends string>(props: {
  legend: string;
  value: Value;
  options: readonly { readonly value: Value; readonly label: ReactNode }[];
  onChange: (value: Value) => void;
}) {
  const { legend, value, options, onChange } = props;
  const name = useId();
  return (
    <fieldset className={styles.segments}>
      <legend className="visually-hidden">{legend}</legend>
      {options.map((option) => (
        <label key={option.value}>
          <input
            type="radio"
            className="visually-hidden"
            name={name}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
          />
          <span>{option.label}</span>
        </label>
      ))}
    </fieldset>
  );
}
