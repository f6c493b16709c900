import type { Generation, Model, NewGeneration, Sampler } from "../../../src/server/api/types.js";

/** What the next images are to be made of and how. Null: the model's own choice. */
export interface Settings {
  readonly mode: "one" | "between";
  readonly identity: string | null;
  /** The other end, between two. */
  readonly to: string | null;
  /** 0 is the identity itself, 1 the other end. */
  readonly share: number;
  readonly model: string | null;
  readonly count: number;
  readonly steps: number | null;
  readonly guidance: number | null;
  readonly sampler: Sampler["name"] | null;
  /** The locked one; null rolls a new seed each time. */
  readonly seed: number | null;
}

export const initialSettings: Settings = {
  mode: "one",
  identity: null,
  to: null,
  share: 0.5,
  model: null,
  count: 4,
  steps: null,
  guidance: null,
  sampler: null,
  seed: null,
};

/** Largest seed that leaves room for the most images. */
export const largestSeed = 2 ** 32 - 65;

/** What a model does where nothing is said, as far as is known before it was first read. */
export const usualDefaults = { steps: 25, guidance: 3, sampler: "dpm++" } as const;

/** The request that the settings make, or in words what is missing. */
export function requestOf(settings: Settings): NewGeneration | string {
  const { mode, identity, to, share, model, count, steps, guidance, sampler, seed } = settings;
  if (identity === null) return "Choose a face first.";
  if (mode === "between" && to === null) return "Choose the second face.";
  if (mode === "between" && to === identity) return "Choose two different faces.";
  return {
    identity: mode === "between" && to !== null ? { from: identity, to, share } : identity,
    ...(model !== null && { model }),
    count,
    ...(steps !== null && { steps }),
    ...(guidance !== null && { guidance }),
    ...(sampler !== null && { sampler }),
    seed: seed ?? "random",
    previews: true,
  };
}

/** The settings that a generation was made with, its seed locked. */
export function settingsOf({ request }: Generation): Settings {
  const { identity, model, count, steps, guidance, sampler, seed } = request;
  const who =
    typeof identity === "string"
      ? { mode: "one" as const, identity, to: null, share: initialSettings.share }
      : { mode: "between" as const, identity: identity.from, to: identity.to, share: identity.share };
  return { ...who, model, count, steps, guidance, sampler, seed };
}

/** Takes what fits of settings that were kept by an earlier version or edited by hand. */
export function readSettings(json: string | null): Settings {
  if (json === null) return initialSettings;
  try {
    const kept = JSON.parse(json) as Record<string, unknown>;
    const known = Object.entries(initialSettings).map(([key, initial]) => {
      const value = kept[key];
      const fits = value === null ? initial === null : initial === null || typeof value === typeof initial;
      return [key, value !== undefined && fits ? value : initial];
    });
    return Object.fromEntries(known) as Settings;
  } catch {
    return initialSettings;
  }
}

/** Forgets faces and a model that are no longer there. */
export function withoutMissing(
  settings: Settings,
  identities: ReadonlySet<string>,
  models: readonly Model[],
): Settings {
  const { identity, to, model } = settings;
  return {
    ...settings,
    identity: identity !== null && identities.has(identity) ? identity : null,
    to: to !== null && identities.has(to) ? to : null,
    model: models.some(({ name }) => name === model) ? model : null,
  };
}
