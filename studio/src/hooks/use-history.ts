import { useCallback, useEffect, useState } from "react";
import type { Generation } from "../../../src/server/api/types.js";
import { client } from "../api/client.js";
import { hasEnded } from "../state/generation-state.js";
import { useAction } from "./use-action.js";
import { useResource } from "./use-resource.js";

/** Milliseconds until a list with unfinished generations is asked for again. */
const refreshMs = 3000;

export interface History {
  /** The newest first; undefined until they are loaded. */
  readonly items: readonly Generation[] | undefined;
  readonly error: unknown;
  readonly hasMore: boolean;
  readonly isLoadingMore: boolean;
  readonly loadMore: () => void;
  readonly reload: () => void;
}

interface Older {
  readonly of: string | undefined;
  readonly items: readonly Generation[];
  readonly next: string | null;
}

/**
 * Generations, page after page.
 * @param identity only those of this face
 */
export function useHistory(identity: string | undefined): History {
  const load = useCallback((signal: AbortSignal) => client.generations({ identity }, signal), [identity]);
  const newest = useResource(load);
  const [kept, setOlder] = useState<Older>();
  const older = kept?.of === identity ? kept : undefined;
  const next = older ? older.next : (newest.value?.next ?? null);
  const more = useAction(async () => {
    const page = await client.generations({ identity, cursor: next ?? undefined });
    setOlder({ of: identity, items: [...(older?.items ?? []), ...page.items], next: page.next });
  });
  const isMoving = newest.value?.items.some((generation) => !hasEnded(generation));
  const { reload, value } = newest;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each answer starts the wait for the next
  useEffect(() => {
    if (!isMoving) return;
    const timer = setTimeout(reload, refreshMs);
    return () => clearTimeout(timer);
  }, [isMoving, reload, value]);
  return {
    items: value && withoutRepeats([...value.items, ...(older?.items ?? [])]),
    error: newest.error ?? more.error,
    hasMore: next !== null,
    isLoadingMore: more.isRunning,
    loadMore: () => more.run(),
    reload: () => {
      setOlder(undefined);
      reload();
    },
  };
}

/** New generations push others onto the pages that were already read. */
function withoutRepeats(items: readonly Generation[]): Generation[] {
  return [...new Map(items.map((item) => [item.id, item])).values()];
}
