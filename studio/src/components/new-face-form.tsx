import { Check } from "lucide-react";
import { useContext, useEffect, useRef, useState } from "react";
import type { Identity } from "../../../src/server/api/types.js";
import { useAction } from "../hooks/use-action.js";
import { DroppedPhotoContext } from "../hooks/use-dropped-photo.js";
import { type NewFace, useNewFace } from "../hooks/use-new-face.js";
import { useStudio } from "../hooks/use-studio.js";
import { Button } from "./button.js";
import { type Consent, ConsentField } from "./consent.js";
import { FaceChooser } from "./face-chooser.js";
import { TextField } from "./field.js";
import styles from "./new-face-form.module.css";
import { ErrorNotice } from "./notice.js";
import { PhotoSource } from "./photo-source.js";

/** From a photo to an identity: the photo, the face in it, whose it is. */
export function NewFaceForm({ onKept }: { onKept: (identity: Identity) => void }) {
  const face = useNewFace();
  const { photos, looking, error, addPhoto, choose, remove } = face;
  const { photosPerIdentity } = useStudio().info.limits;
  const isEmpty = photos.length === 0;
  const { arrivals, take } = useContext(DroppedPhotoContext);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each arrival is one photo to take
  useEffect(() => {
    const photo = take();
    if (photo) addPhoto(photo);
  }, [arrivals, take]);
  return (
    <div className={styles.container}>
      <div className={isEmpty ? styles.source : styles.form}>
        <div className={styles.photos}>
          {photos.map((chosen) => (
            <FaceChooser
              key={chosen.photo.id}
              chosen={chosen}
              onChoose={(index) => choose(chosen.photo.id, index)}
              onRemove={() => remove(chosen.photo.id)}
            />
          ))}
          {photos.length < photosPerIdentity && (
            <div className={styles.more}>
              <PhotoSource onPhoto={addPhoto} isBusy={looking !== undefined} isCompact={!isEmpty} />
              {!isEmpty && <p className={styles.note}>Several photos of one person make a steadier likeness.</p>}
            </div>
          )}
          <p role="status" className={looking ? styles.note : "visually-hidden"}>
            {looking ? "Looking for faces…" : !isEmpty && "A face was found. Now say whose it is."}
          </p>
          <ErrorNotice error={error} />
        </div>
        {!isEmpty && <Keep face={face} onKept={onKept} />}
      </div>
    </div>
  );
}

/** The step before a photo becomes an identity. */
function Keep({ face, onKept }: { face: NewFace; onKept: (identity: Identity) => void }) {
  const [name, setName] = useState("");
  const [consent, setConsent] = useState<Consent | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const keep = useAction(async () => onKept(await face.keep(name.trim())));
  useEffect(() => {
    heading.current?.scrollIntoView({ behavior: "smooth", block: "nearest" });
  }, []);
  return (
    <form
      className={styles.keep}
      onSubmit={(event) => {
        event.preventDefault();
        keep.run();
      }}
    >
      <h2 ref={heading}>Before it is kept</h2>
      <ConsentField value={consent} onChange={setConsent} />
      <TextField
        label="Name"
        hint="To find it again. It stays on this server."
        value={name}
        onChange={setName}
        required
        maxLength={80}
        autoComplete="off"
      />
      <p className={styles.note}>
        The photo and the numbers that describe the face are stored on this server until you delete the face; deleting
        removes every file. Images made of it are marked as synthetic, in the page and in their files.
      </p>
      <ErrorNotice error={keep.error} />
      <Button
        kind="primary"
        type="submit"
        icon={Check}
        isBusy={keep.isRunning}
        disabled={consent === null || consent === "other" || name.trim() === ""}
      >
        Keep this face
      </Button>
    </form>
  );
}
