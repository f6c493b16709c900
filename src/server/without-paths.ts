/** Ends a path where no quotes do. A space is part of it if another separator follows before the sentence goes on. */
const bare = String.raw`(?:[^\s"'\x60,;:()]|[ ](?=[^"'\x60,;:()\n]*[\\/]))*`;
const root = String.raw`(?:[A-Za-z]:[\\/]|(?:~|\.\.?)?/)(?!/)`;
const paths = new RegExp(String.raw`(["'\x60])(${root}[^"'\x60\n]*)\1|(?<![\w/.~-])(${root}${bare})`, "g");

/**
 * A message for clients, whose business the server's folders are not: of every path, its last part is left. Addresses
 * (`https://…`, `hf:OWNER/REPO`) stay.
 */
export function withoutPaths(message: string): string {
  return message.replace(paths, (_, quote: string | undefined, quoted: string | undefined, plain: string) => {
    const last = (quoted ?? plain).split(/[\\/]/).filter(Boolean).at(-1) ?? "a folder";
    return `${quote ?? ""}${last}${quote ?? ""}`;
  });
}
