import { Camera } from "lucide-react";
import { useCamera } from "../hooks/use-camera.js";
import { Button } from "./button.js";
import styles from "./camera-dialog.module.css";
import { Dialog, DialogActions } from "./dialog.js";
import { ErrorNotice } from "./notice.js";

/** Takes a photo with the camera. Nothing leaves the browser before the button is pressed. */
export function CameraDialog({ onPicture, onClose }: { onPicture: (file: File) => void; onClose: () => void }) {
  const { video, isReady, error, takePicture } = useCamera();
  return (
    <Dialog title="Camera" onClose={onClose}>
      {error === undefined ? (
        <video ref={video} className={styles.video} muted playsInline aria-label="What the camera sees" />
      ) : (
        <ErrorNotice error={error} />
      )}
      <DialogActions>
        <Button kind="quiet" onClick={onClose}>
          Close
        </Button>
        {error === undefined && (
          <Button kind="primary" icon={Camera} disabled={!isReady} onClick={async () => onPicture(await takePicture())}>
            Take the photo
          </Button>
        )}
      </DialogActions>
    </Dialog>
  );
}
