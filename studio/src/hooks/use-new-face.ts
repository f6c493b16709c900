import { useCallback, useState } from "react";
import type { Identity, Photo } from "../../../src/server/api/types.js";
import { client } from "../api/client.js";
import { useStudio } from "./use-studio.js";

/** A photo in which a face was chosen. */
export interface ChosenFace {
  readonly file: File;
  readonly photo: Photo;
  /** Index of the face. */
  readonly face: number;
}

export interface NewFace {
  readonly photos: readonly ChosenFace[];
  /** The photo that is being looked at by the server. */
  readonly looking: File | undefined;
  readonly error: unknown;
  readonly addPhoto: (file: File) => void;
  readonly choose: (photoId: string, face: number) => void;
  readonly remove: (photoId: string) => void;
  /** Keeps the face under a name, and selects it. */
  readonly keep: (name: string) => Promise<Identity>;
}

/** From photos to an identity: the faces found, those chosen, and the identity kept. */
export function useNewFace(): NewFace {
  const { info, change, changeIdentities } = useStudio();
  const { photoBytes, photosPerIdentity } = info.limits;
  const [photos, setPhotos] = useState<readonly ChosenFace[]>([]);
  const [looking, setLooking] = useState<File>();
  const [error, setError] = useState<unknown>();
  const isFull = photos.length >= photosPerIdentity;
  const addPhoto = useCallback(
    async (file: File) => {
      setError(undefined);
      try {
        if (isFull) throw new Error(`An identity takes ${photosPerIdentity} photos at most. Remove one first.`);
        if (file.size > photoBytes) throw new Error(tooLarge(file, photoBytes));
        setLooking(file);
        const photo = await client.findFaces(file);
        if (photo.faces.length === 0) throw new Error(noFace);
        setPhotos((before) => [...before, { file, photo, face: photo.faces[0]!.index }]);
      } catch (cause) {
        setError(cause);
      } finally {
        setLooking(undefined);
      }
    },
    [isFull, photoBytes, photosPerIdentity],
  );
  const choose = (photoId: string, face: number) =>
    setPhotos((before) => before.map((chosen) => (chosen.photo.id === photoId ? { ...chosen, face } : chosen)));
  const remove = (photoId: string) => setPhotos((before) => before.filter(({ photo }) => photo.id !== photoId));
  const keep = async (name: string) => {
    const chosen = photos.map(({ photo, face }) => ({ photo: photo.id, face }));
    const identity = await client.createIdentity({ name, consent: true, photos: chosen });
    change({ mode: "one", identity: identity.id });
    changeIdentities((all) => [identity, ...all]);
    return identity;
  };
  return { photos, looking, error, addPhoto, choose, remove, keep };
}

const noFace = "No face was found. Choose a photo where the face is large, well lit, and looks at the camera.";

function tooLarge(file: File, mostBytes: number): string {
  const megabytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
  return `This photo has ${megabytes(file.size)} MB, and the server takes ${megabytes(mostBytes)}. Choose a smaller one.`;
}
