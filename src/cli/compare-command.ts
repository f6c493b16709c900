import { FaceEmbedder } from "../face/embed.js";
import { assertSameRecogniser, cosine } from "../face/identity.js";
import { command, flag, optional } from "./command.js";
import { printJson } from "./context.js";
import { readFaceInput } from "./face-input.js";
import { embedderOptions, showLicences } from "./face-options.js";
import { Progress } from "./progress.js";
import { number } from "./read-options.js";

export const compare = command({
  name: "compare",
  summary: "tell how alike two faces are, and whether they are one person's",
  args: [
    ["<a>", "a photo, or an embedding that embed made"],
    ["<b>", "another"],
  ],
  options: {
    threshold: optional(
      "--threshold <cosine>",
      "from which faces count as one person's (default: the recogniser's)",
      number(-1, 1),
    ),
    ...embedderOptions,
    force: flag("--force", "compare embeddings of different recognisers all the same"),
    json: flag(
      "--json",
      "print {cosine, threshold, same}; threshold and same are null for recognisers nobody measured",
    ),
  },
  async run([a = "", b = ""], { threshold: given, force, json, ...options }, context) {
    const { signal, stdout } = context;
    const progress = new Progress(context);
    const embedder = await FaceEmbedder.load({ ...options, signal, onDownload: progress.showDownload });
    try {
      progress.stop();
      showLicences(embedder.files, context);
      const [first, second] = [await readFaceInput(a, embedder, signal), await readFaceInput(b, embedder, signal)];
      if (!force) assertSameRecogniser(first, second.recogniser);
      const similarity = cosine(first.embedding, second.embedding);
      const isCalibrated = first.recogniser.sha256 === embedder.recogniser.id.sha256;
      const threshold = given ?? (isCalibrated ? embedder.recogniser.calibration?.threshold : undefined) ?? null;
      const same = threshold === null ? null : similarity >= threshold;
      if (json) printJson(context, { cosine: similarity, threshold, same });
      else stdout(`${similarity.toFixed(3)}: ${verdict(same, threshold)}\n`);
    } finally {
      progress.stop();
      await embedder.release();
    }
  },
});

function verdict(same: boolean | null, threshold: number | null): string {
  if (same === null) return "nobody measured this recogniser's threshold; give one with --threshold";
  return same ? `one person (at or above ${threshold})` : `different people (below ${threshold})`;
}
