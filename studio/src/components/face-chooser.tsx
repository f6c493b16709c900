import { CircleCheck, TriangleAlert, X } from "lucide-react";
import { useId, useState } from "react";
import type { Face } from "../../../src/server/api/types.js";
import type { ChosenFace } from "../hooks/use-new-face.js";
import { useObjectUrl } from "../hooks/use-object-url.js";
import { Button } from "./button.js";
import styles from "./face-chooser.module.css";

/** A photo with the faces that were found in it, one of which is chosen. */
export function FaceChooser(props: { chosen: ChosenFace; onChoose: (face: number) => void; onRemove: () => void }) {
  const { chosen, onChoose, onRemove } = props;
  const { file, photo, face } = chosen;
  const name = useId();
  const url = useObjectUrl(file);
  // Browsers cannot show every kind of file that the server reads.
  const [isShown, setShown] = useState(true);
  const current = photo.faces.find(({ index }) => index === face)!;
  return (
    <div className={styles.container}>
      <div className={styles.chooser}>
        {isShown && (
          <div className={styles.photo}>
            {url && <img src={url} alt="Your upload" onError={() => setShown(false)} />}
            {photo.faces.map(({ index, box: [left, top, right, bottom] }) => (
              <label
                key={index}
                htmlFor={`${name}-${index}`}
                className={index === face ? `${styles.box} ${styles.chosen}` : styles.box}
                style={{
                  left: share(left, photo.widthPx),
                  top: share(top, photo.heightPx),
                  width: share(right - left, photo.widthPx),
                  height: share(bottom - top, photo.heightPx),
                }}
              >
                <span className="visually-hidden">Face {index + 1}</span>
              </label>
            ))}
          </div>
        )}
        <div className={styles.side}>
          <fieldset className={styles.faces}>
            <legend>
              {photo.faces.length === 1 ? "One face found" : `${photo.faces.length} faces found. Which one?`}
            </legend>
            {photo.faces.map(({ index, thumbnail }) => (
              <span key={index} className={styles.face}>
                <input
                  type="radio"
                  id={`${name}-${index}`}
                  name={name}
                  checked={index === face}
                  aria-label={`Face ${index + 1}`}
                  onChange={() => onChoose(index)}
                />
                <img src={thumbnail} alt="" width={84} height={84} />
              </span>
            ))}
          </fieldset>
          <Quality quality={current.quality} />
          <Button kind="quiet" icon={X} onClick={onRemove}>
            Take another photo instead
          </Button>
        </div>
      </div>
    </div>
  );
}

function Quality({ quality }: { quality: Face["quality"] }) {
  if (quality.reasons.length === 0)
    return (
      <p className={`${styles.quality} ${styles.good}`}>
        <CircleCheck size={18} aria-hidden /> A good photo for this.
      </p>
    );
  return (
    <p className={`${styles.quality} ${styles.poor}`}>
      <TriangleAlert size={18} aria-hidden />
      <span>It will do, but another photo may do better: {quality.reasons.join("; ")}.</span>
    </p>
  );
}

function share(lengthPx: number, ofPx: number): string {
  return `${(lengthPx / ofPx) * 100}%`;
}
