import { Dices, Pencil, Plus, Sparkles, Trash2 } from "lucide-react";
import { useState } from "react";
import type { Identity } from "../../../src/server/api/types.js";
import { client } from "../api/client.js";
import { Button, ButtonLink } from "../components/button.js";
import { ConfirmDelete } from "../components/confirm-delete.js";
import { EmptyState } from "../components/empty-state.js";
import { Page } from "../components/page.js";
import { Portrait } from "../components/portrait.js";
import { RenameDialog } from "../components/rename-dialog.js";
import { useStudio } from "../hooks/use-studio.js";
import { describeOrigin, plural } from "../state/format.js";
import { go, hrefOf } from "../state/route.js";
import styles from "./identities.module.css";

/** The library of faces. */
export function IdentitiesView() {
  const { identities } = useStudio();
  const ways = (
    <>
      <ButtonLink icon={Dices} href={hrefOf({ view: "nobody" })}>
        One that nobody has
      </ButtonLink>
      <ButtonLink kind="primary" icon={Plus} href={hrefOf({ view: "new" })}>
        From a photo
      </ButtonLink>
    </>
  );
  return (
    <Page title="Faces" lead="Whom you can make images of." actions={identities.length > 0 && ways}>
      {identities.length === 0 ? (
        <EmptyState title="No face yet" text="Start with a photo, or with a face that nobody has.">
          {ways}
        </EmptyState>
      ) : (
        <ul className={styles.grid}>
          {identities.map((identity) => (
            <li key={identity.id}>
              <IdentityCard identity={identity} />
            </li>
          ))}
        </ul>
      )}
    </Page>
  );
}

function IdentityCard({ identity }: { identity: Identity }) {
  const { change, changeIdentities } = useStudio();
  const [dialog, setDialog] = useState<"rename" | "delete">();
  const { id, name, quality, generationCount } = identity;
  const close = () => setDialog(undefined);
  const use = () => {
    change({ mode: "one", identity: id });
    go({ view: "create" });
  };
  return (
    <article className={styles.card} aria-label={name}>
      <Portrait identity={identity} size="fill" />
      <div className={styles.text}>
        <h2>{name}</h2>
        <p>{describeOrigin(identity)}</p>
        <p>{generationCount === 0 ? "No images yet" : plural(generationCount, "set of images", "sets of images")}</p>
        {quality && quality.reasons.length > 0 && <p className={styles.quality}>Note: {quality.reasons[0]}</p>}
      </div>
      <div className={styles.actions}>
        <Button icon={Sparkles} onClick={use}>
          Make images
        </Button>
        <span>
          <Button kind="quiet" icon={Pencil} iconOnly onClick={() => setDialog("rename")}>
            {`Rename ${name}`}
          </Button>
          <Button kind="quiet" icon={Trash2} iconOnly onClick={() => setDialog("delete")}>
            {`Delete ${name}`}
          </Button>
        </span>
      </div>
      {dialog === "rename" && <RenameDialog identity={identity} onClose={close} />}
      {dialog === "delete" && (
        <ConfirmDelete
          title={`Delete ${name}?`}
          onClose={close}
          onDelete={async () => {
            await client.deleteIdentity(id);
            close();
            changeIdentities((all) => all.filter((other) => other.id !== id));
          }}
        >
          {identity.kind === "photos" ? "The photos, the" : "The"} numbers that describe the face, and every image made
          of it are removed from the server, images between it and another face as well.
        </ConfirmDelete>
      )}
    </article>
  );
}
