import { useEffect } from "react";
import type { Model } from "../../../src/server/api/types.js";
import { client } from "../api/client.js";
import { Button } from "../components/button.js";
import { ErrorNotice } from "../components/notice.js";
import { Page } from "../components/page.js";
import { useAction } from "../hooks/use-action.js";
import { useStudio } from "../hooks/use-studio.js";
import { plural } from "../state/format.js";
import styles from "./models.module.css";

/** Milliseconds until a model that is being loaded is asked after again. */
const refreshMs = 1000;

const states = { unloaded: "Not loaded", loading: "Loading…", loaded: "Ready", failed: "Cannot be loaded" } as const;

/** The models of the server, and what the samplers are. */
export function ModelsView() {
  const { models, samplers, reload } = useStudio();
  const isLoading = models.some(({ state }) => state === "loading");
  // biome-ignore lint/correctness/useExhaustiveDependencies: each answer starts the wait for the next
  useEffect(() => {
    if (!isLoading) return;
    const timer = setTimeout(reload, refreshMs);
    return () => clearTimeout(timer);
  }, [isLoading, reload, models]);
  return (
    <Page
      title="Models"
      lead="A model that is loaded answers at once and takes memory; any other is loaded when it is needed."
    >
      <ul className={styles.models}>
        {models.map((model) => (
          <li key={model.name}>
            <ModelCard model={model} />
          </li>
        ))}
      </ul>
      <section className={styles.samplers} aria-labelledby="samplers">
        <h2 id="samplers">Samplers</h2>
        <p className={styles.soft}>Ways from noise to an image. A model names the one that suits it.</p>
        <ul>
          {samplers.map(({ name, title, explanation, steps }) => (
            <li key={name}>
              <h3>
                {title} <code>{name}</code>
              </h3>
              <p className={styles.soft}>
                {explanation} Does well with {plural(steps, "step")}.
              </p>
            </li>
          ))}
        </ul>
      </section>
      <p className={styles.soft}>
        Programs use the same server: <a href="/openapi.json">its API as OpenAPI</a>.
      </p>
    </Page>
  );
}

function ModelCard({ model }: { model: Model }) {
  const { reload } = useStudio();
  const { name, description, isDefault, state, error, defaults, recogniser } = model;
  const isLoaded = state === "loaded";
  const toggle = useAction(async () => {
    await (isLoaded ? client.unloadModel(name) : client.loadModel(name));
    reload();
  });
  return (
    <article className={styles.card} aria-label={name}>
      <div className={styles.head}>
        <h2>{name}</h2>
        <p className={isLoaded ? styles.ready : styles.soft} role="status">
          {isDefault && "Default · "}
          {states[state]}
        </p>
      </div>
      {description !== "" && <p>{description}</p>}
      <p className={styles.soft}>
        {defaults &&
          `${defaults.widthPx} × ${defaults.heightPx} pixels · ${plural(defaults.steps, "step")} · guidance ${defaults.guidance} · ${defaults.sampler}`}
        {recogniser && ` · faces by ${recogniser.name}`}
      </p>
      {error !== null && <ErrorNotice error={error} />}
      <ErrorNotice error={toggle.error} />
      <div>
        <Button isBusy={toggle.isRunning || state === "loading"} onClick={() => toggle.run()}>
          {isLoaded ? "Free its memory" : "Load it now"}
        </Button>
      </div>
    </article>
  );
}
