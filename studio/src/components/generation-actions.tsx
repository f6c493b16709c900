import { Download, RotateCcw, SlidersHorizontal, Trash2 } from "lucide-react";
import { useState } from "react";
import type { Generation } from "../../../src/server/api/types.js";
import { archiveUrl, client } from "../api/client.js";
import { useAction } from "../hooks/use-action.js";
import { useStudio } from "../hooks/use-studio.js";
import { plural } from "../state/format.js";
import { hasEnded } from "../state/generation-state.js";
import { go } from "../state/route.js";
import { settingsOf } from "../state/settings.js";
import { Button, ButtonLink } from "./button.js";
import { ConfirmDelete } from "./confirm-delete.js";
import styles from "./generation-actions.module.css";
import { ErrorNotice } from "./notice.js";

/** What can be done with a generation that is there. */
export function GenerationActions(props: { generation: Generation; onDeleted: () => void }) {
  const { generation, onDeleted } = props;
  const { change, reload } = useStudio();
  const [isDeleting, setDeleting] = useState(false);
  const again = useAction(async () => {
    const { id } = await client.startGeneration(generation.request);
    go({ view: "generation", id, again: generation.id });
  });
  const takeSettings = () => {
    change(settingsOf(generation));
    go({ view: "create" });
  };
  return (
    <div className={styles.box}>
      <div className={styles.actions}>
        {hasEnded(generation) && (
          <Button icon={RotateCcw} isBusy={again.isRunning} onClick={() => again.run()}>
            Make it again
          </Button>
        )}
        <Button icon={SlidersHorizontal} onClick={takeSettings}>
          Use these settings
        </Button>
        {generation.images.length > 0 && (
          <ButtonLink icon={Download} href={archiveUrl(generation)} download>
            Zip of all
          </ButtonLink>
        )}
        <Button kind="quiet" icon={Trash2} iconOnly onClick={() => setDeleting(true)}>
          Delete these images
        </Button>
      </div>
      <ErrorNotice error={again.error} />
      {isDeleting && (
        <ConfirmDelete
          title="Delete these images?"
          onClose={() => setDeleting(false)}
          onDelete={async () => {
            await client.deleteGeneration(generation.id);
            setDeleting(false);
            reload();
            onDeleted();
          }}
        >
          {generation.images.length === 0
            ? "They leave the history. The face stays."
            : `${plural(generation.images.length, "file")} will be gone. The face stays.`}
        </ConfirmDelete>
      )}
    </div>
  );
}
