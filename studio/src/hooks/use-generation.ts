import { useEffect, useReducer, useState } from "react";
import type { Generation, GenerationEvent } from "../../../src/server/api/types.js";
import { client, watchGeneration } from "../api/client.js";
import { ApiError } from "../api/problem.js";
import { applyEvent, type GenerationState, hasEnded, startState } from "../state/generation-state.js";

type Change = { loaded: Generation } | { event: GenerationEvent };

function reduce(state: GenerationState | undefined, change: Change): GenerationState | undefined {
  if ("loaded" in change)
    return state && !hasEnded(change.loaded) ? { ...state, generation: change.loaded } : startState(change.loaded);
  return state && applyEvent(state, change.event);
}

/** Milliseconds until a lost connection is tried again. */
const retryAfterMs = 2000;

/**
 * A generation, live: loaded once, then followed by server-sent events until it ends.
 * The component that uses it must have `key={id}`.
 */
export function useGeneration(id: string): { state: GenerationState | undefined; error: unknown; isOffline: boolean } {
  const [state, dispatch] = useReducer(reduce, undefined);
  const [error, setError] = useState<unknown>();
  const [isOffline, setOffline] = useState(false);
  useEffect(() => {
    const controller = new AbortController();
    let stopWatching = () => {};
    let timer: number | undefined;
    const onLost = () => {
      setOffline(true);
      timer = window.setTimeout(follow, retryAfterMs);
    };
    const follow = async () => {
      try {
        const generation = await client.generation(id, controller.signal);
        dispatch({ loaded: generation });
        setOffline(false);
        if (hasEnded(generation)) return;
        stopWatching = watchGeneration(
          id,
          (event) => {
            dispatch({ event });
            // The server ends the stream here, which the browser would take for a loss and connect again.
            if (event.type === "done" || event.type === "failed" || event.type === "cancelled") stopWatching();
          },
          onLost,
        );
      } catch (cause) {
        if (controller.signal.aborted) return;
        if (cause instanceof ApiError && cause.status !== 0 && cause.status < 500) setError(cause);
        else onLost();
      }
    };
    follow();
    return () => {
      controller.abort();
      stopWatching();
      window.clearTimeout(timer);
    };
  }, [id]);
  return { state, error, isOffline };
}
