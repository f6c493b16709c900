import { CircleStop } from "lucide-react";
import { client } from "../api/client.js";
import { useAction } from "../hooks/use-action.js";
import { plural } from "../state/format.js";
import { type GenerationState, hasEnded } from "../state/generation-state.js";
import { summarizeVerdicts } from "../state/verdict.js";
import { Button } from "./button.js";
import styles from "./generation-status.module.css";
import { ErrorNotice } from "./notice.js";

/** Where a generation stands, in words that screen readers read when they change; a bar; and the way to stop it. */
export function GenerationStatus({ state, isOffline }: { state: GenerationState; isOffline: boolean }) {
  const { generation } = state;
  const { stepsDone, stepsTotal } = generation.progress;
  const stop = useAction(() => client.cancelGeneration(generation.id));
  const share = stepsTotal === 0 ? 0 : stepsDone / stepsTotal;
  return (
    <div className={styles.status}>
      <div className={styles.row}>
        <p role="status">{describe(state)}</p>
        {!hasEnded(generation) && (
          <Button kind="quiet" icon={CircleStop} isBusy={stop.isRunning} onClick={() => stop.run()}>
            Stop
          </Button>
        )}
      </div>
      {!hasEnded(generation) && <progress className="visually-hidden" value={share} aria-label="Steps done" />}
      {isOffline && <p className={styles.note}>The connection is lost; trying again…</p>}
      {generation.error && <ErrorNotice error={generation.error.detail} />}
      <ErrorNotice error={stop.error} />
    </div>
  );
}

function describe({ generation }: GenerationState): string {
  const { status, images, request, ahead } = generation;
  switch (status) {
    case "queued":
      return ahead === null || ahead === 0 ? "Starts in a moment." : `In the queue, after ${plural(ahead, "other")}.`;
    case "running":
      return images.length === 0
        ? `Making ${plural(request.count, "image")}…`
        : `${images.length} of ${plural(request.count, "image")} done.`;
    case "done": {
      const verdicts = summarizeVerdicts(images);
      return `${plural(images.length, "image")} done.${verdicts === undefined ? "" : ` ${verdicts}.`}`;
    }
    case "cancelled":
      return images.length === 0 ? "Stopped." : `Stopped after ${plural(images.length, "image")}.`;
    case "failed":
      return "This did not work.";
  }
}
