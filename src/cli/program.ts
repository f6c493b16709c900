import { inspect } from "node:util";
import { Command, CommanderError } from "commander";
import { Arc2FaceError, InputError } from "../errors.js";
import type { CliCommand } from "./command.js";
import type { Context } from "./context.js";
import { printable } from "./printable.js";
import { version } from "./version.js";

/** Exit statuses; 128 + 2 is what a shell reports of a program that Ctrl-C ended. */
const exitStatus = { done: 0, failed: 1, wrongInput: 2, interrupted: 130 } as const;

/**
 * The commands, in the order of the help. Each is loaded when it is asked for: all together take a third of a second.
 */
const commands: Readonly<Record<string, () => Promise<CliCommand>>> = {
  generate: async () => (await import("./generate.js")).generate,
  sample: async () => (await import("./sample.js")).sample,
  interpolate: async () => (await import("./interpolate.js")).interpolate,
  faces: async () => (await import("./faces-command.js")).faces,
  align: async () => (await import("./align-command.js")).align,
  embed: async () => (await import("./embed-command.js")).embed,
  compare: async () => (await import("./compare-command.js")).compare,
  dataset: async () => (await import("./dataset.js")).dataset,
  train: async () => (await import("./train.js")).train,
  evaluate: async () => (await import("./evaluate.js")).evaluate,
  info: async () => (await import("./info.js")).info,
  models: async () => (await import("./models.js")).models,
  serve: async () => (await import("./serve.js")).serve,
  keys: async () => (await import("./keys.js")).keys,
  worker: async () => (await import("./worker.js")).worker,
};

/**
 * Runs the command line.
 * @param args without the program's name
 * @returns the exit status: 0 done, 2 the input or the arguments are wrong, 130 interrupted, 1 anything else
 */
export async function runCli(args: readonly string[], context: Context): Promise<number> {
  try {
    const program = await makeProgram(args[0] ?? "", context);
    await program.parseAsync(args, { from: "user" });
    return exitStatus.done;
  } catch (error) {
    return reportError(error, context);
  }
}

/** @param first word of the command line; where it is no command, all are loaded, for the help and for what may be meant */
async function makeProgram(first: string, context: Context): Promise<Command> {
  const program = new Command("arc2face")
    .description("Images of one person from a face embedding")
    .version(version, "-V, --version", "print the version")
    .exitOverride()
    .configureOutput({
      writeOut: context.stdout,
      writeErr: (text) => context.stderr.write(text),
    })
    .showHelpAfterError("(--help tells more)");
  // Commands take these settings over as they are made.
  const needed = Object.hasOwn(commands, first) ? [commands[first]!] : Object.values(commands);
  for (const add of await Promise.all(needed.map((load) => load()))) add(program, context);
  return program;
}

function reportError(error: unknown, { stderr, signal }: Context): number {
  // Commander has written its message itself.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.done : exitStatus.wrongInput;
  if (signal.aborted) {
    stderr.write("interrupted; what was finished stays\n");
    return exitStatus.interrupted;
  }
  if (error instanceof Arc2FaceError) {
    stderr.write(`error: ${error.message.split("\n").map(printable).join("\n")}\n`);
    return error instanceof InputError ? exitStatus.wrongInput : exitStatus.failed;
  }
  stderr.write(
    `${inspect(error)}\n\nThis is a bug in arc2face ${version} (Node.js ${process.version}, ${process.platform} ${process.arch}). ` +
      "Please report it with the command and the text above.\n",
  );
  return exitStatus.failed;
}
