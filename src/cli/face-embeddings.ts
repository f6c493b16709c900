import { InputError } from "../errors.js";
import { assertSameRecogniser, meanIdentity } from "../face/identity.js";
import type { Embedding, RecogniserId } from "../face/recogniser.js";
import type { StoredEmbedding } from "../pipeline/embedding-file.js";
import type { PhotoPipeline } from "../pipeline/photo-pipeline.js";
import { type FaceEmbedding, unitEmbedding } from "../pipeline/request.js";
import { faceChooser } from "./choose-face.js";
import type { Context } from "./context.js";
import { embedFaceInput, type FaceInput } from "./face-input.js";
import { showLicences } from "./face-options.js";

export interface EmbedForModelOptions {
  /** Of the faces in each photo, counted from the left, from 1; default: the largest. */
  readonly face: number | undefined;
  /** Accept embeddings of other recognisers. */
  readonly force: boolean;
}

/**
 * The embeddings that a model is given: those of files as they are, those of photos by the model's own recogniser.
 * @throws InputError if a photo shows no face, or an embedding was made by another recogniser
 */
export async function embedForModel(
  inputs: readonly FaceInput[],
  pipeline: PhotoPipeline,
  { face: wanted, force }: EmbedForModelOptions,
  context: Context,
): Promise<StoredEmbedding[]> {
  if (inputs.some((input) => "photo" in input)) showLicences(await pipeline.faceFiles(), context);
  const embeddings: StoredEmbedding[] = [];
  for (const input of inputs) {
    for (const face of await embedFaceInput(input, pipeline, context, faceChooser(input.name, wanted, context))) {
      if (!force) assertMadeFor(face, pipeline.model.recogniser, input.name);
      embeddings.push(face);
    }
  }
  return embeddings;
}

/**
 * One embedding of all that was given, which should be of one person.
 * @throws InputError if nobody measured the recogniser's threshold, which tells strangers among them
 */
export async function embedMean(
  faces: readonly StoredEmbedding[],
  names: readonly string[],
  pipeline: PhotoPipeline,
  { stderr }: Pick<Context, "stderr">,
): Promise<FaceEmbedding> {
  const { id, calibration } = await pipeline.recogniser();
  if (!calibration) throw new InputError("--mean needs a recogniser whose threshold is known; use mobilefacenet");
  const embeddings = faces.map(({ embedding, recogniser = id }): Embedding => {
    return { embedding: unitEmbedding(embedding, pipeline.model.embeddingSize), norm: 1, recogniser };
  });
  const { embedding, agreement, outliers } = meanIdentity(embeddings, calibration.threshold);
  for (const i of outliers) {
    stderr.write(`left out: ${names[i]} seems to show someone else (cosine ${agreement[i]!.toFixed(2)})\n`);
  }
  return embedding;
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
