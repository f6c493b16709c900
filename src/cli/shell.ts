import { escapeActing, printable } from "./printable.js";

/**
 * An argument as a POSIX shell reads it back. Characters that a terminal acts on are escaped (`$'…'`, as bash and zsh have
 * it): the text may come from a stranger's file.
 */
export function shellQuote(argument: string): string {
  if (/^[\w@%+=:,./-]+$/.test(argument)) return argument;
  if (printable(argument) === argument) return `'${argument.replaceAll("'", `'\\''`)}'`;
  const escaped = argument.replace(/[\\']/g, "\\$&");
  return `$'${escapeActing(escaped, (codePoint) => `\\U${hex(codePoint, 8)}`)}'`;
}

/** A path as an argument that cannot be taken for an option. */
export function pathArgument(path: string): string {
  return shellQuote(path.startsWith("-") ? `./${path}` : path);
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
