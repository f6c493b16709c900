/**
 * An argument as a POSIX shell reads it back. Control characters are escaped (`$'…'`, as bash and zsh have it): the text
 * may come from a stranger's file, and is printed to a terminal.
 */
export function shellQuote(argument: string): string {
  if (/^[\w@%+=:,./-]+$/.test(argument)) return argument;
  if (!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(argument)) return `'${argument.replaceAll("'", `'\\''`)}'`;
  const escaped = argument.replace(/[\\']/g, "\\$&").replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeCharacter);
  return `$'${escaped}'`;
}

/** A path as an argument that cannot be taken for an option, nor for standard input. */
export function pathArgument(path: string): string {
  return shellQuote(path.startsWith("-") ? `./${path}` : path);
}

function escapeCharacter(character: string): string {
  return `\\U${(character.codePointAt(0) as number).toString(16).padStart(8, "0")}`;
}
