/** A text that came from a file, made fit for a message: quoted, control characters escaped, and not too long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
