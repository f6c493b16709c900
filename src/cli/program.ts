import { inspect } from "node:util";
import { Command, CommanderError } from "commander";
import { Arc2FaceError, InputError } from "../errors.js";
import { align } from "./align-command.js";
import { compare } from "./compare-command.js";
import type { Context } from "./context.js";
import { dataset } from "./dataset.js";
import { embed } from "./embed-command.js";
import { evaluate } from "./evaluate.js";
import { faces } from "./faces-command.js";
import { generate } from "./generate.js";
import { info } from "./info.js";
import { keys } from "./keys.js";
import { models } from "./models.js";
import { printable } from "./printable.js";
import { serve } from "./serve.js";
import { train } from "./train.js";
import { version } from "./version.js";
import { worker } from "./worker.js";

/** Exit statuses; 128 + 2 is what a shell reports of a program that Ctrl-C ended. */
const exitStatus = { done: 0, failed: 1, wrongInput: 2, interrupted: 130 } as const;

/**
 * Runs the command line.
 * @param args without the program's name
 * @returns the exit status: 0 done, 2 the input or the arguments are wrong, 130 interrupted, 1 anything else
 */
export async function runCli(args: readonly string[], context: Context): Promise<number> {
  try {
    await makeProgram(context).parseAsync(args, { from: "user" });
    return exitStatus.done;
  } catch (error) {
    return reportError(error, context);
  }
}

function makeProgram(context: Context): Command {
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
  for (const add of [
    generate,
    faces,
    align,
    embed,
    compare,
    dataset,
    train,
    evaluate,
    info,
    models,
    serve,
    keys,
    worker,
  ])
    add(program, context);
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
