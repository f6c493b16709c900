import { InputError } from "../errors.js";

/** What to do about it, by the error's code. */
const advice: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full: free some space, or choose another with --out",
  EDQUOT: "your share of the disk is used up: free some space, or choose another disk with --out",
  EROFS: "the disk is read-only; choose another folder with --out",
  EACCES: "you may not write there; choose another folder with --out",
  EPERM: "you may not write there; choose another folder with --out",
};

/** What to throw if a file could not be written: an InputError if the system refused, else the error as it is. */
export function cannotWrite(path: string, cause: unknown): unknown {
  const { syscall, code = "", message } = cause as NodeJS.ErrnoException;
  if (syscall === undefined) return cause;
  const reason = advice[code] ?? `${message}; choose another folder with --out`;
  return new InputError(`cannot write ${path}: ${reason}`, { cause });
}
