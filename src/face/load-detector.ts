import { CheckpointError } from "../errors.js";
import type { FaceDetector } from "./detection.js";
import { isRfb, RfbDetector } from "./rfb-detector.js";
import { isScrfd, ScrfdDetector } from "./scrfd-detector.js";
import { type LoadNetworkOptions, loadNetwork, type WeightsFile } from "./weights-file.js";

/**
 * Loads a face detector; which kind it is, its inputs and outputs say.
 * @param source `rfb-320` (default), or the source of an ONNX file of RFB-320 or SCRFD (`scrfd_10g_bnkps.onnx` and its
 *   smaller siblings)
 * @throws CheckpointError if the file is another network; and as {@link loadNetwork}
 */
export async function loadDetector(
  source = "rfb-320",
  options: LoadNetworkOptions = {},
): Promise<{ detector: FaceDetector; file: WeightsFile }> {
  const { session, file } = await loadNetwork(source, options);
  if (isRfb(session)) return { detector: new RfbDetector(session), file };
  if (isScrfd(session)) return { detector: new ScrfdDetector(session), file };
  const outputs = session.outputs.map(({ name, shape }) => `${name} [${shape.join(", ")}]`).join(", ");
  await session.release();
  throw new CheckpointError(`${file.name} is no face detector known here (RFB-320, SCRFD): it gives ${outputs}`);
}
