import { Dices, Lock } from "lucide-react";
import { useStudio } from "../hooks/use-studio.js";
import { plural } from "../state/format.js";
import { largestSeed, usualDefaults } from "../state/settings.js";
import { Button } from "./button.js";
import { Segments, SelectField, SliderField, TextField } from "./field.js";
import styles from "./how.module.css";

const seedModes = [
  {
    value: "rolling",
    label: (
      <>
        <Dices size={16} aria-hidden /> New each time
      </>
    ),
  },
  {
    value: "locked",
    label: (
      <>
        <Lock size={16} aria-hidden /> Locked
      </>
    ),
  },
] as const;

/** Where a seed starts when it is locked before any image was made. */
const firstSeed = 1;

/** How many images and from which seed. */
export function HowMany() {
  const { settings, change, info } = useStudio();
  const { count, seed } = settings;
  return (
    <>
      <SliderField
        label="Images"
        hint="Each shows the same person in another way."
        value={Math.min(count, info.limits.imagesPerGeneration)}
        min={1}
        max={Math.min(16, info.limits.imagesPerGeneration)}
        onChange={(value) => change({ count: value })}
      />
      <div className={styles.seed}>
        <span className={styles.label}>Seed</span>
        <Segments
          legend="Seed"
          value={seed === null ? "rolling" : "locked"}
          options={seedModes}
          onChange={(mode) => change({ seed: mode === "locked" ? firstSeed : null })}
        />
        {seed === null ? (
          <p className={styles.hint}>The number that an image grows from. A new one gives new images.</p>
        ) : (
          <TextField
            label="Seed of the first image"
            hint="The same seed with the same settings gives the same images; each next image has one more."
            type="number"
            inputMode="numeric"
            min={0}
            max={largestSeed}
            required
            value={String(seed)}
            onChange={(text) => change({ seed: Math.min(largestSeed, Math.max(0, Math.trunc(Number(text)))) })}
          />
        )}
      </div>
    </>
  );
}

/** Steps, guidance, sampler and model: what most people leave to the model. */
export function FineTuning() {
  const { settings, change, info, models, samplers } = useStudio();
  const model = models.find(({ name }) => name === settings.model) ?? models.find(({ isDefault }) => isDefault);
  const defaults = { ...usualDefaults, ...model?.defaults };
  const steps = settings.steps ?? defaults.steps;
  const guidance = settings.guidance ?? defaults.guidance;
  const sampler = samplers.find(({ name }) => name === (settings.sampler ?? defaults.sampler));
  const isChanged = settings.steps !== null || settings.guidance !== null || settings.sampler !== null;
  return (
    <details className={styles.details}>
      <summary>
        <span>Fine-tuning</span>
        <span className={styles.summary}>
          {plural(steps, "step")} · guidance {guidance} · {sampler?.name ?? defaults.sampler}
        </span>
      </summary>
      <div className={styles.fields}>
        <SliderField
          label="Steps"
          hint="How often the image is refined. More takes longer; beyond some dozens little changes."
          value={steps}
          min={1}
          max={Math.min(100, info.limits.stepsPerImage)}
          onChange={(value) => change({ steps: value })}
        />
        <SliderField
          label="Guidance"
          hint="How closely to follow the face. More is more alike and less varied; 1 is off, in half the time."
          value={guidance}
          min={1}
          max={10}
          step={0.5}
          onChange={(value) => change({ guidance: value })}
        />
        <SelectField
          label="Sampler"
          hint={sampler?.explanation ?? "How an image is found in the noise."}
          value={sampler?.name ?? ""}
          options={samplers.map(({ name, title }) => ({ value: name, label: title }))}
          onChange={(value) => change({ sampler: value === "" ? null : value })}
        />
        <SelectField
          label="Model"
          hint={`What makes the images. ${model?.description ?? ""}`.trim()}
          value={model?.name ?? ""}
          options={models.map(({ name, isDefault }) => ({
            value: name,
            label: isDefault ? `${name} (default)` : name,
          }))}
          onChange={(value) => change({ model: value, steps: null, guidance: null, sampler: null })}
        />
        {isChanged && (
          <Button kind="quiet" onClick={() => change({ steps: null, guidance: null, sampler: null })}>
            Back to what the model does best
          </Button>
        )}
      </div>
    </details>
  );
}
