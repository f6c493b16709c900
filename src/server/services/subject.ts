import { assertSameRecogniser } from "../../face/identity.js";
import type { RecogniserId } from "../../face/recogniser.js";
import { interpolateIdentity } from "../../identity/interpolate.js";
import type { Generation } from "../api/generations.js";
import { notFound } from "../problem.js";
import type { IdentityTable, StoredIdentity } from "../store/identities.js";

/** Whom a generation shows. */
export interface Subject {
  /** float32 [E], unit norm */
  readonly embedding: Float32Array;
  readonly recogniser: RecogniserId | undefined;
}

/** @throws RequestError 404 if an identity is gone; InputError if two cannot be blended */
export function findSubject(identities: IdentityTable, who: Generation["request"]["identity"]): Subject {
  if (typeof who === "string") return toSubject(need(identities, who));
  const [from, to] = [toSubject(need(identities, who.from)), toSubject(need(identities, who.to))];
  if (from.recogniser) assertSameRecogniser({ recogniser: from.recogniser }, to.recogniser);
  return {
    embedding: interpolateIdentity(from.embedding, to.embedding, who.share),
    recogniser: from.recogniser ?? to.recogniser,
  };
}

export function need(identities: IdentityTable, id: string): StoredIdentity {
  const found = identities.get(id);
  if (!found) throw notFound("identity");
  return found;
}

function toSubject({ embedding, identity }: StoredIdentity): Subject {
  return { embedding, recogniser: identity.recogniser ?? undefined };
}
