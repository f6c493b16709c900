import { createContext, useCallback, useContext, useEffect, useMemo, useState } from "react";
import type { Identity, Info, Model, Sampler } from "../../../src/server/api/types.js";
import { client } from "../api/client.js";
import { readSettings, type Settings, withoutMissing } from "../state/settings.js";
import { useResource } from "./use-resource.js";

/** What all views share. */
export interface Studio {
  readonly info: Info;
  /** The newest first. */
  readonly identities: readonly Identity[];
  readonly models: readonly Model[];
  readonly samplers: readonly Sampler[];
  readonly settings: Settings;
  readonly change: (settings: Partial<Settings>) => void;
  readonly identityOf: (id: string) => Identity | undefined;
  readonly nameOf: (id: string) => string;
  /** Asks the server again, after something was changed there. */
  readonly reload: () => void;
  /** Shows at once what was just done to the faces. */
  readonly changeIdentities: (change: (identities: readonly Identity[]) => readonly Identity[]) => void;
  /** The generation that the first page shows. */
  readonly currentId: string | null;
  readonly setCurrentId: (id: string | null) => void;
}

export const StudioContext = createContext<Studio | undefined>(undefined);

export function useStudio(): Studio {
  const studio = useContext(StudioContext);
  if (!studio) throw new Error("useStudio outside of StudioContext");
  return studio;
}

const settingsKey = "arc2face.settings";
const currentKey = "arc2face.current";

async function loadShared(signal: AbortSignal) {
  const [identities, models, samplers] = await Promise.all([
    client.identities(signal),
    client.models(signal),
    client.samplers(signal),
  ]);
  return { identities: identities as readonly Identity[], models, samplers };
}

/** Loads what all views share; undefined until it is there. */
export function useStudioState(info: Info): { studio: Studio | undefined; error: unknown; reload: () => void } {
  const shared = useResource(loadShared);
  const [settings, setSettings] = useState(() => readSettings(localStorage.getItem(settingsKey)));
  const [currentId, setCurrentId] = useState(() => sessionStorage.getItem(currentKey));
  useEffect(() => localStorage.setItem(settingsKey, JSON.stringify(settings)), [settings]);
  useEffect(() => {
    if (currentId === null) sessionStorage.removeItem(currentKey);
    else sessionStorage.setItem(currentKey, currentId);
  }, [currentId]);
  const change = useCallback((changes: Partial<Settings>) => setSettings((before) => ({ ...before, ...changes })), []);
  const { value, reload, change: changeShared, error } = shared;
  const studio = useMemo(() => {
    if (!value) return undefined;
    const byId = new Map(value.identities.map((identity) => [identity.id, identity]));
    return {
      ...value,
      info,
      settings: withoutMissing(settings, new Set(byId.keys()), value.models),
      change,
      identityOf: (id: string) => byId.get(id),
      nameOf: (id: string) => byId.get(id)?.name ?? "A deleted face",
      reload,
      changeIdentities: (edit: (identities: readonly Identity[]) => readonly Identity[]) =>
        changeShared((before) => ({ ...before, identities: edit(before.identities) })),
      currentId,
      setCurrentId,
    };
  }, [value, info, settings, change, reload, changeShared, currentId]);
  return { studio, error, reload };
}
