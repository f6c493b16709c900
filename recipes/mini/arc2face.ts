import { spawnSync } from "node:child_process";
import { join } from "node:path";

export const recipePath = (name: string): string => join(import.meta.dirname, `${name}.json`);

/** Runs the command line of this checkout; ends this process if it fails. */
export function arc2face(...args: string[]): void {
  runScript("../../src/cli/main.ts", "arc2face", args);
}

/** Runs another script of this folder; ends this process if it fails. */
export function script(name: string, ...args: string[]): void {
  runScript(`${name}.ts`, name, args);
}

function runScript(path: string, title: string, args: readonly string[]): void {
  console.error(`${title} ${args.join(" ")}`);
  const command = ["--import", "tsx", join(import.meta.dirname, path), ...args];
  const { status } = spawnSync(process.execPath, command, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
