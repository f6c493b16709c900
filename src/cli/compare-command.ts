import { InputError } from "../errors.js";
import { FaceEmbedder } from "../face/embed.js";
import { assertSameRecogniser, cosine } from "../face/identity.js";
import type { StoredEmbedding } from "../pipeline/embedding-file.js";
import { command, flag, optional } from "./command.js";
import { type Context, printJson } from "./context.js";
import { embedFaceInput, type FaceInput, readFaceInput } from "./face-input.js";
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
    const inputs = [await readFaceInput(a, context), await readFaceInput(b, context)];
    const embedder = await FaceEmbedder.load({ ...options, signal, onDownload: progress.showDownload });
    try {
      progress.stop();
      showLicences(embedder.files, context);
      const [first, second] = await Promise.all(inputs.map(async (input) => onlyFace(input, embedder, context)));
      if (!force) assertSameRecogniser(first!, second!.recogniser);
      const similarity = cosine(unitVector(first!), unitVector(second!));
      const isCalibrated = first!.recogniser?.sha256 === embedder.recogniser.id.sha256;
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

/** @throws InputError if the input holds several embeddings */
async function onlyFace(input: FaceInput, embedder: FaceEmbedder, context: Context): Promise<StoredEmbedding> {
  const [face, ...others] = await embedFaceInput(input, embedder, context);
  if (others.length === 0) return face!;
  throw new InputError(`${input.name} holds ${others.length + 1} embeddings; give a file with one`);
}

function unitVector({ embedding }: StoredEmbedding): Float32Array {
  const norm = Math.hypot(...Array.from(embedding));
  return Float32Array.from(embedding, (value) => value / norm);
}
