import { Trash2 } from "lucide-react";
import type { ReactNode } from "react";
import { useAction } from "../hooks/use-action.js";
import { Button } from "./button.js";
import { Dialog, DialogActions } from "./dialog.js";
import { ErrorNotice } from "./notice.js";

/** Asks before something is deleted for good. */
export function ConfirmDelete(props: {
  title: string;
  /** What goes with it. */
  children: ReactNode;
  onDelete: () => Promise<unknown>;
  onClose: () => void;
}) {
  const { title, children, onDelete, onClose } = props;
  const action = useAction(onDelete);
  return (
    <Dialog title={title} onClose={onClose}>
      <div>{children}</div>
      <ErrorNotice error={action.error} />
      <DialogActions>
        <Button kind="quiet" onClick={onClose}>
          Keep
        </Button>
        <Button kind="danger" icon={Trash2} isBusy={action.isRunning} onClick={() => action.run()}>
          Delete for good
        </Button>
      </DialogActions>
    </Dialog>
  );
}
