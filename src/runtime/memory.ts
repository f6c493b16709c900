import { readFileSync } from "node:fs";

/**
 * Largest resident memory of this process so far, in bytes. It counts mapped files too: the pages of a compiled
 * graph's weights, which the system takes back when memory is short.
 *
 * Linux reads VmHWM: the maximum that `getrusage` reports is inherited from the process that started this one.
 */
export function peakResidentBytes(): number {
  if (process.platform === "linux") {
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  }
  return process.resourceUsage().maxRSS * 1024;
}
