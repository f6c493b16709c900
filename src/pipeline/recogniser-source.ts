import { InputError } from "../errors.js";
import type { RecogniserId } from "../face/recogniser.js";
import { isKnownNetwork } from "../face/weights-file.js";

/**
 * The source of the recogniser that a model was trained with.
 * @param expected what the model says; a model in the official layout that says nothing has the official one
 * @throws InputError if it is not one that is known by name
 */
export function recogniserSource(expected: RecogniserId | undefined): string {
  if (expected === undefined) return "arcface";
  if (isKnownNetwork(expected.name)) return expected.name;
  throw new InputError(
    `this model takes embeddings of ${expected.name}; give that recogniser's file with --recogniser`,
  );
}
