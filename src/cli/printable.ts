/** Characters that a terminal acts on, or that hide or turn around others. */
const acting = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A text fit for a terminal, whoever wrote it: what a terminal would act on is replaced. */
export function printable(text: string): string {
  return text.replace(acting, "\ufffd");
}

/** The same, with each such character written by `write`. */
export function escapeActing(text: string, write: (codePoint: number) => string): string {
  return text.replace(acting, (character) => write(character.codePointAt(0) as number));
}
