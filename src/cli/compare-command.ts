import { FaceEmbedder } from "../face/embed.js";
import { assertSameRecogniser, type Comparison, compareFaces } from "../face/identity.js";
import { command, flag, optional } from "./command.js";
import { printJson } from "./context.js";
import { embedOnlyFace, readFaceInput } from "./face-input.js";
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
  async run([first = "", second = ""], { threshold, force, json, ...options }, context) {
    const progress = new Progress(context);
    const inputs = [await readFaceInput(first, context), await readFaceInput(second, context)] as const;
    const load = () => FaceEmbedder.load({ ...options, signal: context.signal, onDownload: progress.showDownload });
    const embedder = inputs.some((input) => "photo" in input) ? await load() : undefined;
    try {
      progress.stop();
      if (embedder) showLicences(embedder.files, context);
      const a = await embedOnlyFace(inputs[0], embedder, context);
      const b = await embedOnlyFace(inputs[1], embedder, context);
      if (!force) assertSameRecogniser(a, b.recogniser);
      const comparison = compareFaces(a, b, { threshold });
      if (json) printJson(context, comparison);
      else context.stdout(`${comparison.cosine.toFixed(3)}: ${verdict(comparison)}\n`);
    } finally {
      progress.stop();
      await embedder?.release();
    }
  },
});

function verdict({ same, threshold }: Comparison): string {
  if (same === null) return "nobody measured this recogniser's threshold; give one with --threshold";
  return same ? `one person (at or above ${threshold})` : `different people (below ${threshold})`;
}
