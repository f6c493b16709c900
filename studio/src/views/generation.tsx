import { ApiError } from "../api/problem.js";
import { Facts } from "../components/facts.js";
import { Frames } from "../components/frames.js";
import { GenerationActions } from "../components/generation-actions.js";
import { GenerationStatus } from "../components/generation-status.js";
import { ErrorNotice, Hint } from "../components/notice.js";
import { Page } from "../components/page.js";
import { Subject } from "../components/subject.js";
import { useGeneration } from "../hooks/use-generation.js";
import { type Sameness, useSameBytes } from "../hooks/use-same-bytes.js";
import { useStudio } from "../hooks/use-studio.js";
import { formatTime, nameOfSubject } from "../state/format.js";
import { go } from "../state/route.js";
import styles from "./generation.module.css";
import { MissingView } from "./missing.js";

/**
 * One run: what it was made from, what came of it.
 * @param again the run that this one repeats: its files are compared
 */
export function GenerationView({ id, again }: { id: string; again: string | undefined }) {
  const { nameOf } = useStudio();
  const { state, error, isOffline } = useGeneration(id);
  const sameness = useSameBytes(state?.generation, again);
  if (error instanceof ApiError && error.status === 404) return <MissingView />;
  if (!state) return <ErrorNotice error={error} />;
  const { request, createdAt } = state.generation;
  const name = nameOfSubject(request.identity, nameOf);
  return (
    <Page
      title={name}
      lead={formatTime(createdAt)}
      actions={<GenerationActions generation={state.generation} onDeleted={() => go({ view: "history" })} />}
    >
      {sameness && <SamenessNotice sameness={sameness} />}
      <div className={styles.columns}>
        <aside className={styles.made} aria-label="Made from">
          <h2>Made from</h2>
          <Subject identity={request.identity} size="l" />
          <Facts
            facts={[
              ["Model", request.model],
              ["Steps", request.steps],
              ["Guidance", request.guidance],
              ["Sampler", request.sampler],
              ["First seed", request.seed],
            ]}
          />
        </aside>
        <section className={styles.images} aria-label="Images">
          <GenerationStatus state={state} isOffline={isOffline} />
          <Frames state={state} name={name} />
        </section>
      </div>
    </Page>
  );
}

function SamenessNotice({ sameness }: { sameness: Sameness }) {
  if (typeof sameness === "object") return <ErrorNotice error={`Not compared with the first run: ${sameness.error}`} />;
  const words = {
    checking: "Comparing the files with those of the first run…",
    same: "Made again: every file is the same as in the first run, to the last byte.",
    different:
      "Made again, but some files differ from the first run: the model, the device or the program has changed.",
  };
  return (
    <div role="status">
      <Hint>{words[sameness]}</Hint>
    </div>
  );
}
