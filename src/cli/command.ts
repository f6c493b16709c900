import { type Command, Option } from "commander";
import type { Context } from "./context.js";

/** One row of a command's table of options: what the help says, and how its text is read. `T` is what `run` gets. */
export interface OptionRow<T> {
  readonly option: Option;
  /** What commander collected, as the type that this row's reader gave it. */
  readonly typed: (raw: unknown) => T;
}

type Rows = Readonly<Record<string, OptionRow<unknown>>>;
type Values<R extends Rows> = { [Name in keyof R]: R[Name] extends OptionRow<infer T> ? T : never };

export interface CommandTable<R extends Rows> {
  readonly name: string;
  readonly summary: string;
  /** More for the command's own help, such as examples. */
  readonly details?: string;
  /** Positional arguments: commander's notation (`<name>`, `[name]`, `<name...>`) and help. */
  readonly args?: readonly (readonly [notation: string, help: string])[];
  readonly options: R;
  run(args: readonly string[], options: Values<R>, context: Context): Promise<void>;
}

/** A command that can be hung into a program. */
export type CliCommand = (parent: Command, context: Context) => void;

/** Makes a command of its table. */
export function command<R extends Rows>(table: CommandTable<R>): CliCommand {
  return (parent, context) => {
    const rows = Object.entries(table.options);
    const made = parent.command(table.name).summary(table.summary).description(capitalize(table.summary));
    for (const [notation, help] of table.args ?? []) made.argument(notation, help);
    for (const [, { option }] of rows) made.addOption(option);
    if (table.details) made.addHelpText("after", `\n${table.details}`);
    made.action(async () => {
      const raw = made.opts<Record<string, unknown>>();
      const values = rows.map(([name, { option, typed }]) => [name, typed(raw[option.attributeName()])]);
      await table.run(made.args, Object.fromEntries(values) as Values<R>, context);
    });
  };
}

/** A command that only holds others. */
export function commandGroup(name: string, summary: string, commands: readonly CliCommand[]): CliCommand {
  return (parent, context) => {
    const group = parent.command(name).summary(summary).description(capitalize(summary));
    for (const add of commands) add(group, context);
  };
}

/** `--flag`: true or false. */
export function flag(flags: string, help: string): OptionRow<boolean> {
  return { option: new Option(flags, help).default(false, "off"), typed: (raw) => raw as boolean };
}

/** `--no-NAME`: true unless it is given. Help shows no default of such, so `help` says it. */
export function unlessFlag(flags: `--no-${string}`, help: string): OptionRow<boolean> {
  return { option: new Option(flags, help).default(true), typed: (raw) => raw as boolean };
}

/** An option that may be left out. */
export function optional<T>(flags: string, help: string, read: (text: string) => T): OptionRow<T | undefined> {
  return { option: new Option(flags, help).argParser(read), typed: (raw) => raw as T | undefined };
}

/** An option with a default. */
export function withDefault<T>(flags: string, help: string, read: (text: string) => T, value: T): OptionRow<T> {
  return { option: new Option(flags, help).argParser(read).default(value), typed: (raw) => raw as T };
}

/** An option that must be given. */
export function required<T>(flags: string, help: string, read: (text: string) => T): OptionRow<T> {
  const option = new Option(flags, help).argParser(read).makeOptionMandatory();
  return { option, typed: (raw) => raw as T };
}

/** An option that may be given several times; its values in order. */
export function repeated<T>(flags: string, help: string, read: (text: string) => T): OptionRow<readonly T[]> {
  const collect = (text: string, earlier: readonly T[] | undefined) => [...(earlier ?? []), read(text)];
  const option = new Option(flags, `${help}; may be repeated`).argParser(collect);
  return { option, typed: (raw) => (raw ?? []) as readonly T[] };
}

const capitalize = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
