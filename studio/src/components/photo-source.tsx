import { Camera, ImageUp } from "lucide-react";
import { useContext, useRef, useState } from "react";
import { DroppedPhotoContext } from "../hooks/use-dropped-photo.js";
import { Button } from "./button.js";
import { CameraDialog } from "./camera-dialog.js";
import styles from "./photo-source.module.css";

/** Takes a photo: dropped, pasted, chosen, or from the camera. */
export function PhotoSource(props: { onPhoto: (file: File) => void; isBusy: boolean; isCompact: boolean }) {
  const { onPhoto, isBusy, isCompact } = props;
  const input = useRef<HTMLInputElement>(null);
  const [isCamera, setCamera] = useState(false);
  const { isOver } = useContext(DroppedPhotoContext);
  return (
    <div className={`${styles.source} ${isCompact ? styles.compact : ""} ${isOver ? styles.over : ""}`}>
      {!isCompact && (
        <>
          <ImageUp className={styles.icon} size={36} strokeWidth={1.5} aria-hidden />
          <p className={styles.invitation}>
            <strong>{isOver ? "Let go to use this photo" : <Invitation />}</strong>
            <span>One face that is large, sharp and looks at the camera works best.</span>
          </p>
        </>
      )}
      <div className={styles.buttons}>
        <input
          ref={input}
          className="visually-hidden"
          type="file"
          accept="image/*"
          aria-label="Photo file"
          tabIndex={-1}
          onChange={(event) => {
            const file = event.target.files?.[0];
            if (file) onPhoto(file);
            // The same file may be chosen again.
            event.target.value = "";
          }}
        />
        <Button
          kind={isCompact ? "plain" : "primary"}
          icon={ImageUp}
          isBusy={isBusy}
          onClick={() => input.current?.click()}
        >
          {isCompact ? "Add another photo of this person" : "Choose a photo"}
        </Button>
        <Button icon={Camera} onClick={() => setCamera(true)}>
          Use the camera
        </Button>
      </div>
      {isCamera && (
        <CameraDialog
          onClose={() => setCamera(false)}
          onPicture={(file) => {
            setCamera(false);
            onPhoto(file);
          }}
        />
      )}
    </div>
  );
}

/** Nobody drops or pastes with a finger. */
function Invitation() {
  return (
    <>
      <span className={styles.forMouse}>Drop a photo here, or paste one</span>
      <span className={styles.forTouch}>Start with a photo</span>
    </>
  );
}
