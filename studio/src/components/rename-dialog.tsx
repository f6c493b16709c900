import { useState } from "react";
import type { Identity } from "../../../src/server/api/types.js";
import { client } from "../api/client.js";
import { useAction } from "../hooks/use-action.js";
import { useStudio } from "../hooks/use-studio.js";
import { Button } from "./button.js";
import { Dialog, DialogActions } from "./dialog.js";
import { TextField } from "./field.js";
import { ErrorNotice } from "./notice.js";
import styles from "./rename-dialog.module.css";

export function RenameDialog({ identity, onClose }: { identity: Identity; onClose: () => void }) {
  const { changeIdentities } = useStudio();
  const [name, setName] = useState(identity.name);
  const rename = useAction(async () => {
    const renamed = await client.renameIdentity(identity.id, name.trim());
    changeIdentities((all) => all.map((other) => (other.id === renamed.id ? renamed : other)));
    onClose();
  });
  return (
    <Dialog title={`Rename ${identity.name}`} onClose={onClose}>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          rename.run();
        }}
      >
        <TextField label="Name" value={name} onChange={setName} required maxLength={80} autoComplete="off" />
        <ErrorNotice error={rename.error} />
        <DialogActions>
          <Button kind="quiet" onClick={onClose}>
            Cancel
          </Button>
          <Button kind="primary" type="submit" isBusy={rename.isRunning} disabled={name.trim() === ""}>
            Rename
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
