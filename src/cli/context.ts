import type { Readable } from "node:stream";

/** All that a command touches of the process, so that a test can run it in its own. */
export interface Context {
  /** Writes to standard output: results, and nothing else. */
  readonly stdout: (text: string) => void;
  /** Where progress and messages go. */
  readonly stderr: NodeJS.WritableStream;
  readonly stdin: Readable;
  /** Whether stderr is a terminal, on which a progress bar can be drawn. */
  readonly isTTY: boolean;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Prints one JSON value: the whole of what a command with `--json` writes to standard output. */
export function printJson(context: Context, value: unknown): void {
  // JSON escapes the controls below U+0020 only; a terminal acts on these, too.
  const json = JSON.stringify(value, null, 2).replace(/[\u007f-\u009f]/g, escapeUnicode);
  context.stdout(`${json}\n`);
}

const escapeUnicode = (character: string): string => `\\u00${character.charCodeAt(0).toString(16)}`;
