import { Dices, Trash2 } from "lucide-react";
import { useState } from "react";
import type { Identity } from "../../../src/server/api/types.js";
import { client } from "../api/client.js";
import { Button, ButtonLink } from "../components/button.js";
import { SliderField } from "../components/field.js";
import { Frames } from "../components/frames.js";
import { GenerationStatus } from "../components/generation-status.js";
import { ErrorNotice } from "../components/notice.js";
import { Page } from "../components/page.js";
import { useAction } from "../hooks/use-action.js";
import { useGeneration } from "../hooks/use-generation.js";
import { useStudio } from "../hooks/use-studio.js";
import { plural } from "../state/format.js";
import { go } from "../state/route.js";
import styles from "./nobody.module.css";

/** Each is watched over a connection of its own, and browsers open six. */
const mostAtOnce = 4;

interface Drawn {
  readonly identity: Identity;
  /** The generation of its first picture. */
  readonly generation: string;
}

/** New faces, each with a first picture. */
export function NobodyView() {
  const { settings, changeIdentities } = useStudio();
  const [count, setCount] = useState(mostAtOnce);
  const [drawn, setDrawn] = useState<readonly Drawn[]>([]);
  const draw = useAction(async () => {
    const { items } = await client.sampleIdentities({ count, seed: "random", name: "Nobody" });
    changeIdentities((all) => [...items, ...all]);
    const model = settings.model === null ? {} : { model: settings.model };
    for (const identity of items) {
      const request = { ...model, identity: identity.id, count: 1, seed: "random" as const, previews: true };
      const { id } = await client.startGeneration(request);
      setDrawn((before) => [...before, { identity, generation: id }]);
    }
  });
  const drop = async ({ id }: Identity) => {
    await client.deleteIdentity(id);
    setDrawn((before) => before.filter(({ identity }) => identity.id !== id));
    changeIdentities((all) => all.filter((identity) => identity.id !== id));
  };
  return (
    <Page
      title="Faces that nobody has"
      lead="Drawn at random from what the model knows of faces. No photo and no person stands behind them."
    >
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          setDrawn([]);
          draw.run();
        }}
      >
        <SliderField
          label="Faces"
          hint="Each gets a first picture and a place in your library."
          value={count}
          min={1}
          max={mostAtOnce}
          onChange={setCount}
        />
        <Button kind="primary" type="submit" icon={Dices} isBusy={draw.isRunning}>
          Draw {plural(count, "face")}
        </Button>
      </form>
      <ErrorNotice error={draw.error} />
      {drawn.length > 0 && (
        <ul className={styles.drawn}>
          {drawn.map(({ identity, generation }) => (
            <li key={identity.id}>
              <DrawnFace identity={identity} generation={generation} onDrop={() => drop(identity)} />
            </li>
          ))}
        </ul>
      )}
      {drawn.length > 0 && (
        <p>
          <ButtonLink href="#/identities">See all faces</ButtonLink>
        </p>
      )}
    </Page>
  );
}

function DrawnFace(props: { identity: Identity; generation: string; onDrop: () => Promise<void> }) {
  const { identity, generation, onDrop } = props;
  const { change } = useStudio();
  const { state, error, isOffline } = useGeneration(generation);
  const drop = useAction(onDrop);
  const isShown = state?.generation.status === "done";
  const take = () => {
    change({ mode: "one", identity: identity.id });
    go({ view: "create" });
  };
  return (
    <div className={styles.face}>
      {state && <Frames state={state} name={identity.name} />}
      <h2>{identity.name}</h2>
      {state && !isShown && <GenerationStatus state={state} isOffline={isOffline} />}
      <ErrorNotice error={error ?? drop.error} />
      <div className={styles.actions}>
        <Button onClick={take}>Make images</Button>
        <Button kind="quiet" icon={Trash2} iconOnly isBusy={drop.isRunning} onClick={() => drop.run()}>
          {`Discard ${identity.name}`}
        </Button>
      </div>
    </div>
  );
}
