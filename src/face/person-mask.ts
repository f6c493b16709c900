import { fileURLToPath } from "node:url";
import { type Image, image } from "../image/image.js";
import { resizeImage } from "../image/resize.js";
import type { Session } from "../runtime/session.js";
import { packRgb } from "./network-input.js";
import { type LoadNetworkOptions, loadNetwork } from "./weights-file.js";

const sidePx = 256;
/** Ships with this package: two folders up from the source and from the build. */
const networkFile = fileURLToPath(new URL("../../weights/selfie/selfie.onnx", import.meta.url));

/**
 * Tells people from what is behind them.
 * Source: MediaPipe Selfie Segmentation (Google 2021), the general model.
 */
export class PersonMask {
  private constructor(private readonly session: Session) {}

  /** @throws as {@link loadNetwork} */
  static async load(options: LoadNetworkOptions = {}): Promise<PersonMask> {
    const { session } = await loadNetwork(`file:${networkFile}`, options);
    return new PersonMask(session);
  }

  /**
   * The share of each pixel that is of a person, in steps of 1/255, at the network's resolution of 256x256 at most.
   * @returns float32 [heightPx, widthPx], 0 to 1
   */
  async find(photo: Image, signal?: AbortSignal): Promise<Float32Array> {
    const small = await resizeImage(photo, sidePx, sidePx);
    const feeds = { image: packRgb([small], { mean: 0, std: 255 }) };
    const { mask } = await this.session.run(feeds, { give: true, ...(signal && { signal }) });
    const shares = mask!.data as Float32Array;
    const grey = new Uint8Array(3 * shares.length);
    for (let i = 0; i < shares.length; i++) grey.fill(255 * shares[i]! + 0.5, 3 * i, 3 * i + 3);
    const { data } = await resizeImage(image(sidePx, sidePx, grey), photo.widthPx, photo.heightPx);
    return Float32Array.from({ length: data.length / 3 }, (_, i) => data[3 * i]! / 255);
  }

  release(): Promise<void> {
    return this.session.release();
  }
}
