import { Sparkles } from "lucide-react";
import { useRef } from "react";
import { client } from "../api/client.js";
import { Button } from "../components/button.js";
import { CurrentGeneration } from "../components/current-generation.js";
import { FineTuning, HowMany } from "../components/how.js";
import { ErrorNotice } from "../components/notice.js";
import { Page } from "../components/page.js";
import { Who } from "../components/who.js";
import { useAction } from "../hooks/use-action.js";
import { useStudio } from "../hooks/use-studio.js";
import { plural } from "../state/format.js";
import { requestOf } from "../state/settings.js";
import styles from "./create.module.css";
import { WelcomeView } from "./welcome.js";

/** The first page: whose images, how, and what came of it. */
export function CreateView() {
  const { identities, settings, currentId, setCurrentId } = useStudio();
  const results = useRef<HTMLElement>(null);
  const request = requestOf(settings);
  const start = useAction(async () => {
    if (typeof request === "string") return;
    setCurrentId((await client.startGeneration(request)).id);
    // On a phone the results lie below; on wide screens they are in view already.
    const isBelow = (results.current?.getBoundingClientRect().top ?? 0) > innerHeight / 3;
    if (isBelow) results.current?.scrollIntoView({ behavior: "smooth", block: "start" });
  });
  if (identities.length === 0) return <WelcomeView />;
  return (
    <Page title="Create" isTitleQuiet>
      <div className={styles.columns}>
        <form
          className={styles.panel}
          aria-label="What to make"
          onSubmit={(event) => {
            event.preventDefault();
            start.run();
          }}
        >
          <Who />
          <HowMany />
          <FineTuning />
          <div className={styles.submit}>
            <ErrorNotice error={start.error} />
            <Button
              kind="primary"
              type="submit"
              icon={Sparkles}
              isBusy={start.isRunning}
              disabled={typeof request === "string"}
            >
              {typeof request === "string" ? request : `Make ${plural(settings.count, "image")}`}
            </Button>
          </div>
        </form>
        <section ref={results} className={styles.results} aria-label="Images">
          {currentId === null ? <NothingYet /> : <CurrentGeneration key={currentId} id={currentId} />}
        </section>
      </div>
    </Page>
  );
}

function NothingYet() {
  return (
    <div className={styles.empty}>
      <div className={styles.tiles} aria-hidden>
        <span />
        <span />
        <span />
        <span />
      </div>
      <h2>Your images appear here</h2>
      <p>
        You can watch them come out of the noise. Each is then compared with the original face, so that you see whether
        it is still the same person.
      </p>
    </div>
  );
}
