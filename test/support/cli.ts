import { PassThrough, Readable } from "node:stream";
import { runCli } from "../../src/cli/program.js";

export interface CliResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line in this process. */
export async function cli(
  args: readonly string[],
  options: { stdin?: Uint8Array; signal?: AbortSignal; isTTY?: boolean; onStderr?: (text: string) => void } = {},
): Promise<CliResult> {
  const { stdin = new Uint8Array(), isTTY = false, signal = new AbortController().signal, onStderr } = options;
  let [stdout, stderr] = ["", ""];
  const errors = Object.assign(new PassThrough(), { isTTY, columns: 120 });
  errors.on("data", (chunk: Buffer) => {
    stderr += chunk;
    onStderr?.(chunk.toString());
  });
  const context = {
    stdout: (text: string) => {
      stdout += text;
    },
    stderr: errors,
    stdin: Readable.from([stdin]),
    isTTY,
    signal,
  };
  const status = await runCli(args, context);
  return { status, stdout, stderr };
}
