import { spawnSync } from "node:child_process";
import { join } from "node:path";

export const recipePath = (name: string): string => join(import.meta.dirname, `${name}.json`);

/** Runs the command line of this checkout; ends this process if it fails. */
export function arc2face(...args: string[]): void {
  console.error(`arc2face ${args.join(" ")}`);
  const main = join(import.meta.dirname, "../../src/cli/main.ts");
  const { status } = spawnSync(process.execPath, ["--import", "tsx", main, ...args], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
