import { useEffect, useState } from "react";

/** The first picture; without one the first file, so that the server can say what is wrong with it. */
function pictureOf(data: DataTransfer | null): File | undefined {
  const files = [...(data?.files ?? [])];
  return files.find(({ type }) => type.startsWith("image/")) ?? files[0];
}

/** Whether what is pasted is meant for a text field: office programs put a picture beside the text that is copied. */
function isText(event: ClipboardEvent): boolean {
  return event.target instanceof HTMLInputElement && (event.clipboardData?.types.includes("text/plain") ?? false);
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
    addEventListener("paste", (event) => !isText(event) && take(event, event.clipboardData), options);
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
