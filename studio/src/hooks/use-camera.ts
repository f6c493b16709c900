import { type RefObject, useCallback, useEffect, useRef, useState } from "react";

export interface Camera {
  readonly video: RefObject<HTMLVideoElement | null>;
  readonly isReady: boolean;
  /** Why there is no picture, and what to do. */
  readonly error: string | undefined;
  /** The picture that is seen now, as JPEG. */
  readonly takePicture: () => Promise<File>;
}

/** Shows the camera in a video element for as long as the component lives. */
export function useCamera(): Camera {
  const video = useRef<HTMLVideoElement>(null);
  const [isReady, setReady] = useState(false);
  const [error, setError] = useState<string>();
  useEffect(() => {
    let stream: MediaStream | undefined;
    let isGone = false;
    const stop = () => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    const start = async () => {
      if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 } } });
      if (isGone || !video.current) return stop();
      video.current.srcObject = stream;
      await video.current.play();
      setReady(true);
    };
    start().catch((cause: unknown) => isGone || setError(explain(cause)));
    return () => {
      isGone = true;
      stop();
    };
  }, []);
  const takePicture = useCallback(async () => {
    const { videoWidth: width, videoHeight: height } = video.current!;
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d")?.drawImage(video.current!, 0, 0);
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
    return new File([blob], "camera.jpg", { type: blob.type });
  }, []);
  return { video, isReady, error, takePicture };
}

function explain(cause: unknown): string {
  switch (cause instanceof DOMException ? cause.name : "") {
    case "NotAllowedError":
      return "The browser may not use the camera. Allow it in the address bar, or choose a photo instead.";
    case "NotFoundError":
      return "There is no camera. Choose a photo instead.";
    case "SecurityError":
      return "Browsers open the camera only for localhost and https. Choose a photo instead.";
    default:
      return "The camera could not be opened; another program may be using it. Close that, or choose a photo instead.";
  }
}
