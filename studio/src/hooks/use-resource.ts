import { useCallback, useEffect, useState } from "react";

export interface Resource<Value> {
  /** The latest that was loaded; kept while it is loaded again. */
  readonly value: Value | undefined;
  readonly error: unknown;
  readonly reload: () => void;
  /** Changes what is shown at once, without asking the server. */
  readonly change: (change: (value: Value) => Value) => void;
}

/**
 * Loads something from the server, and again whenever `load` changes.
 * @param load must keep its identity between renders (useCallback) as long as it loads the same
 */
export function useResource<Value>(load: (signal: AbortSignal) => Promise<Value>): Resource<Value> {
  const [state, setState] = useState<{ value?: Value; error?: unknown; load: unknown }>({ load });
  const [round, setRound] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round loads again
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    load(signal).then(
      (value) => signal.aborted || setState({ value, load }),
      (error) => signal.aborted || setState((before) => ({ ...before, error, load })),
    );
    return () => controller.abort();
  }, [load, round]);
  const isCurrent = state.load === load;
  return {
    value: isCurrent ? state.value : undefined,
    error: isCurrent ? state.error : undefined,
    reload: useCallback(() => setRound((n) => n + 1), []),
    change: useCallback(
      (change) =>
        setState((before) => (before.value === undefined ? before : { ...before, value: change(before.value) })),
      [],
    ),
  };
}
