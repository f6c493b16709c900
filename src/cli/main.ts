#!/usr/bin/env node
import { runCli } from "./program.js";

const interruption = new AbortController();
let received: NodeJS.Signals | undefined;
for (const name of ["SIGINT", "SIGTERM"] as const) {
  // Once: a second Ctrl-C finds no listener, and ends the process at once.
  process.once(name, () => {
    received = name;
    interruption.abort();
  });
}

// Whoever reads our output may stop early, as `head` does.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

const status = await runCli(process.argv.slice(2), {
  stdout: (text) => process.stdout.write(text),
  stderr: process.stderr,
  stdin: process.stdin,
  isTTY: process.stderr.isTTY,
  signal: interruption.signal,
});
process.exitCode = status;

if (received !== undefined) {
  // Dying of the signal itself lets a loop in a shell script stop too; the shell reports 130 for Ctrl-C, 143 for SIGTERM.
  // And `process.exit` would first wait for the network evaluation that a worker is in.
  process.removeAllListeners(received);
  if (process.platform === "win32") process.exit(status);
  process.kill(process.pid, received);
}
