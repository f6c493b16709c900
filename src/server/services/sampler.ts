import { randomInt } from "node:crypto";
import { InputError } from "../../errors.js";
import type { RecogniserId } from "../../face/recogniser.js";
import { type NewIdentities, readIdentities } from "../../identity/distribution.js";
import { sampleIdentities } from "../../identity/sample-identities.js";
import { conflict } from "../problem.js";

/** Identities that were drawn, and the seed that gives them again. */
export interface DrawnIdentities {
  readonly seed: number;
  /** float32 [E] each, unit norm */
  readonly embeddings: readonly Float32Array[];
  readonly recogniser: RecogniserId | undefined;
}

/**
 * Draws identities that nobody has.
 * @param seed the same seed gives the same identities; undefined draws one
 */
export type IdentitySampler = (count: number, seed: number | undefined) => Promise<DrawnIdentities>;

/**
 * Draws from what a model's folder says of new identities.
 * @param findFolder finds that folder
 */
export function folderSampler(findFolder: () => Promise<string>): IdentitySampler {
  let read: Promise<NewIdentities> | undefined;
  return async (count, seed = randomInt(2 ** 32)) => {
    read ??= findFolder()
      .then(readIdentities)
      .catch((error) => {
        // The library's message names the folder, which is no business of clients.
        throw error instanceof InputError
          ? conflict("the model of this server cannot draw new people; give a photo")
          : error;
      });
    read.catch(() => {
      read = undefined;
    });
    const identities = await read;
    return { seed, embeddings: sampleIdentities(identities, count, seed), recogniser: identities.recogniser };
  };
}
