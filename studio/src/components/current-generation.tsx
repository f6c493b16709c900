import { Lock, Maximize2 } from "lucide-react";
import { useEffect } from "react";
import { ApiError } from "../api/problem.js";
import { useGeneration } from "../hooks/use-generation.js";
import { useStudio } from "../hooks/use-studio.js";
import { nameOfSubject } from "../state/format.js";
import { hasEnded } from "../state/generation-state.js";
import { hrefOf } from "../state/route.js";
import { Button, ButtonLink } from "./button.js";
import styles from "./current-generation.module.css";
import { Frames } from "./frames.js";
import { GenerationStatus } from "./generation-status.js";
import { ErrorNotice } from "./notice.js";

/** The generation that was started last, beside the settings. */
export function CurrentGeneration({ id }: { id: string }) {
  const { nameOf, reload, setCurrentId, settings, change } = useStudio();
  const { state, error, isOffline } = useGeneration(id);
  const isGone = error instanceof ApiError && error.status === 404;
  useEffect(() => {
    if (isGone) setCurrentId(null);
  }, [isGone, setCurrentId]);
  const isDone = state?.generation.status === "done";
  useEffect(() => {
    // A face without a photo now has a portrait.
    if (isDone) reload();
  }, [isDone, reload]);
  if (!state) return <ErrorNotice error={error} />;
  const { generation } = state;
  const name = nameOfSubject(generation.request.identity, nameOf);
  return (
    <div className={styles.current}>
      <div className={styles.header}>
        <h2>{name}</h2>
        {hasEnded(generation) && (
          <div className={styles.actions}>
            <Button
              kind="quiet"
              icon={Lock}
              disabled={settings.seed === generation.request.seed}
              onClick={() => change({ seed: generation.request.seed })}
            >
              Lock this seed
            </Button>
            <ButtonLink kind="quiet" icon={Maximize2} href={hrefOf({ view: "generation", id })}>
              Open
            </ButtonLink>
          </div>
        )}
      </div>
      <GenerationStatus state={state} isOffline={isOffline} />
      <Frames state={state} name={name} />
    </div>
  );
}
