import { createContext, useCallback, useMemo, useRef, useState } from "react";
import { usePictures } from "./use-pictures.js";

/** A photo that was dropped or pasted anywhere, until somebody takes it. */
export interface DroppedPhoto {
  /** Grows with each photo. */
  readonly arrivals: number;
  /** Whether one is held over the page. */
  readonly isOver: boolean;
  /** Gives the photo to the first who asks. */
  readonly take: () => File | undefined;
}

export const DroppedPhotoContext = createContext<DroppedPhoto>({ arrivals: 0, isOver: false, take: () => undefined });

/** @param onArrival called when a photo is there to be taken */
export function useDroppedPhoto(onArrival: () => void): DroppedPhoto {
  const waiting = useRef<File>(undefined);
  const [arrivals, setArrivals] = useState(0);
  const onPicture = useCallback(
    (file: File) => {
      waiting.current = file;
      setArrivals((n) => n + 1);
      onArrival();
    },
    [onArrival],
  );
  const isOver = usePictures(onPicture);
  const take = useCallback(() => {
    const file = waiting.current;
    waiting.current = undefined;
    return file;
  }, []);
  return useMemo(() => ({ arrivals, isOver, take }), [arrivals, isOver, take]);
}
