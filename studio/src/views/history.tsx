import { useState } from "react";
import type { Generation } from "../../../src/server/api/types.js";
import { Button, ButtonLink } from "../components/button.js";
import { EmptyState } from "../components/empty-state.js";
import { SelectField } from "../components/field.js";
import { GenerationActions } from "../components/generation-actions.js";
import { ErrorNotice } from "../components/notice.js";
import { Page } from "../components/page.js";
import { Subject } from "../components/subject.js";
import { useHistory } from "../hooks/use-history.js";
import { useStudio } from "../hooks/use-studio.js";
import { describeSettings, formatDay, formatTime, nameOfSubject } from "../state/format.js";
import { hrefOf } from "../state/route.js";
import { summarizeVerdicts, verdictOf } from "../state/verdict.js";
import styles from "./history.module.css";

/** Everything that was made, the newest first. */
export function HistoryView() {
  const { identities } = useStudio();
  const [identity, setIdentity] = useState("");
  const { items, error, hasMore, isLoadingMore, loadMore, reload } = useHistory(identity === "" ? undefined : identity);
  const options = [{ value: "", label: "Everyone" }, ...identities.map(({ id, name }) => ({ value: id, label: name }))];
  return (
    <Page title="History" lead="Everything that was made here. Each can be made again, to the last byte.">
      {identities.length > 1 && (
        <div className={styles.filter}>
          <SelectField label="Images of" value={identity} options={options} onChange={setIdentity} />
        </div>
      )}
      <ErrorNotice error={error} />
      {!items && error === undefined && <p role="status">Looking…</p>}
      {items?.length === 0 && (
        <EmptyState
          title="Nothing here yet"
          text="What you make is kept here, with everything needed to make it again."
        >
          <ButtonLink kind="primary" href={hrefOf({ view: "create" })}>
            Make the first images
          </ButtonLink>
        </EmptyState>
      )}
      {items &&
        byDay(items).map(([day, runs]) => (
          <section key={day} className={styles.day}>
            <h2>{day}</h2>
            <ul className={styles.runs}>
              {runs.map((generation) => (
                <li key={generation.id}>
                  <Run generation={generation} onDeleted={reload} />
                </li>
              ))}
            </ul>
          </section>
        ))}
      {hasMore && (
        <p>
          <Button isBusy={isLoadingMore} onClick={loadMore}>
            Show older ones
          </Button>
        </p>
      )}
    </Page>
  );
}

function byDay(items: readonly Generation[]): [string, Generation[]][] {
  const days = new Map<string, Generation[]>();
  for (const item of items) {
    const day = formatDay(item.createdAt);
    days.set(day, [...(days.get(day) ?? []), item]);
  }
  return [...days];
}

function Run({ generation, onDeleted }: { generation: Generation; onDeleted: () => void }) {
  const { nameOf } = useStudio();
  const { id, images, request, createdAt } = generation;
  const name = nameOfSubject(request.identity, nameOf);
  return (
    <article className={styles.run}>
      <div className={styles.head}>
        <Subject identity={request.identity} size="s" />
        <div>
          <h3>
            <a href={hrefOf({ view: "generation", id })}>{name}</a>
          </h3>
          <p>
            {formatTime(createdAt)} · {outcome(generation)}
          </p>
          <p>{describeSettings(generation)}</p>
        </div>
      </div>
      {images.length > 0 && (
        <ul className={styles.strip} aria-label={`Images of ${name}`}>
          {images.map((image) => (
            <li key={image.id}>
              <a href={hrefOf({ view: "image", id, seed: image.seed })}>
                <img
                  src={image.url}
                  loading="lazy"
                  width={96}
                  height={96}
                  alt={`${name}, synthetic, seed ${image.seed}. ${verdictOf(image).words}.`}
                />
              </a>
            </li>
          ))}
        </ul>
      )}
      <GenerationActions generation={generation} onDeleted={onDeleted} />
    </article>
  );
}

function outcome({ status, images, request, error }: Generation): string {
  switch (status) {
    case "queued":
      return "in the queue";
    case "running":
      return `${images.length} of ${request.count} done`;
    case "cancelled":
      return `stopped after ${images.length} of ${request.count}`;
    case "failed":
      return `did not work: ${error?.detail ?? "the server does not say why"}`;
    case "done":
      return (summarizeVerdicts(images) ?? "not compared").toLowerCase();
  }
}
