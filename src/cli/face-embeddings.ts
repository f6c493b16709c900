import { InputError } from "../errors.js";
import { type CropTemplate, FaceEmbedder } from "../face/embed.js";
import { assertSameRecogniser } from "../face/identity.js";
import type { RecogniserId } from "../face/recogniser.js";
import { isKnownNetwork } from "../face/weights-file.js";
import type { StoredEmbedding } from "../pipeline/embedding-file.js";
import type { FaceEmbedding } from "../pipeline/request.js";
import type { Device } from "../runtime/devices.js";
import type { Context } from "./context.js";
import { embedFaceInput, type FaceInput } from "./face-input.js";
import { showLicences } from "./face-options.js";
import type { Progress } from "./progress.js";

export interface EmbedForModelOptions {
  /** What the model was trained with; a model in the official layout that says nothing has the official one. */
  readonly expected: RecogniserId | undefined;
  /** Source of another recogniser. */
  readonly recogniser: string | undefined;
  readonly detector: string | undefined;
  readonly aligned: CropTemplate | undefined;
  /** Accept embeddings of other recognisers. */
  readonly force: boolean;
  readonly device: Device;
  readonly threads: number | undefined;
  readonly progress: Progress;
}

/**
 * The embeddings that a model is given: those of files as they are, those of photos by the model's own recogniser.
 * @throws InputError if a photo shows no face, or an embedding was made by another recogniser
 */
export async function embedForModel(
  inputs: readonly FaceInput[],
  { expected, force, progress, recogniser, ...options }: EmbedForModelOptions,
  context: Context,
): Promise<FaceEmbedding[]> {
  const load = () =>
    FaceEmbedder.load({
      ...options,
      recogniser: recogniser ?? recogniserOf(expected),
      signal: context.signal,
      onDownload: progress.showDownload,
    });
  const embedder = inputs.some((input) => "photo" in input) ? await load() : undefined;
  try {
    if (embedder) showLicences(embedder.files, context);
    const embeddings: FaceEmbedding[] = [];
    for (const input of inputs) {
      const faces = "stored" in input ? input.stored : await embedFaceInput(input, embedder!, context);
      for (const face of faces) {
        if (!force) assertMadeFor(face, expected, input.name);
        embeddings.push(face.embedding);
      }
    }
    return embeddings;
  } finally {
    await embedder?.release();
  }
}

/** The source of the recogniser that a model was trained with. */
function recogniserOf(expected: RecogniserId | undefined): string {
  if (expected === undefined) return "arcface";
  if (isKnownNetwork(expected.name)) return expected.name;
  throw new InputError(
    `this model takes embeddings of ${expected.name}; give that recogniser's file with --recogniser`,
  );
}

/** A model that does not say its recogniser is in the official layout, and takes the official one's embeddings. */
function assertMadeFor(face: StoredEmbedding, expected: RecogniserId | undefined, name: string): void {
  assertSameRecogniser(face, expected);
  if (expected === undefined && face.recogniser?.name === "mobilefacenet") {
    throw new InputError(
      `${name} was embedded by mobilefacenet, but models that do not say otherwise take arcface; ` +
        "embed the photo with --recogniser arcface",
    );
  }
}
