import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { promisify } from "node:util";

/** Runs one of the peers under reference/ and parses the JSON that it prints; undefined where Python is not installed. */
export async function runPeer(python: string, script: string, args: readonly string[]): Promise<unknown> {
  try {
    await access(python);
  } catch {
    return undefined;
  }
  const { stdout } = await promisify(execFile)(python, [script, ...args], { maxBuffer: 1 << 24 });
  return JSON.parse(stdout);
}
