import { useEffect, useState } from "react";

function pictureOf(files: DataTransfer | null): File | undefined {
  return [...(files?.files ?? [])].find(({ type }) => type.startsWith("image/"));
}

/** Takes pictures that are pasted anywhere on the page, or dropped on it. Says whether one is held over the page. */
export function usePictures(onPicture: (file: File) => void): boolean {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const controller = new AbortController();
    const options = { signal: controller.signal };
    const take = (event: Event, data: DataTransfer | null) => {
      const picture = pictureOf(data);
      if (!picture) return;
      event.preventDefault();
      onPicture(picture);
    };
    addEventListener("paste", (event) => take(event, event.clipboardData), options);
    addEventListener(
      "dragover",
      (event) => {
        if (!event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        setOver(true);
      },
      options,
    );
    addEventListener("dragleave", (event) => event.relatedTarget === null && setOver(false), options);
    addEventListener(
      "drop",
      (event) => {
        // Whatever is dropped: the browser would leave the page to show it.
        event.preventDefault();
        setOver(false);
        take(event, event.dataTransfer);
      },
      options,
    );
    return () => controller.abort();
  }, [onPicture]);
  return isOver;
}
