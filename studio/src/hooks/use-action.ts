import { useCallback, useState } from "react";

export interface Action<Args extends unknown[]> {
  readonly run: (...args: Args) => Promise<void>;
  readonly isRunning: boolean;
  /** Of the latest run, until the next one starts. */
  readonly error: unknown;
  readonly clearError: () => void;
}

/** Runs something that a person asked for, once at a time, and keeps its error to be shown. */
export function useAction<Args extends unknown[]>(action: (...args: Args) => Promise<unknown>): Action<Args> {
  const [isRunning, setRunning] = useState(false);
  const [error, setError] = useState<unknown>();
  const run = async (...args: Args) => {
    if (isRunning) return;
    setRunning(true);
    setError(undefined);
    try {
      await action(...args);
    } catch (cause) {
      setError(cause);
    } finally {
      setRunning(false);
    }
  };
  return { run, isRunning, error, clearError: useCallback(() => setError(undefined), []) };
}
