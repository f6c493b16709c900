import { randomBytes } from "node:crypto";

/** 128 random bits: nobody guesses one, and none is ever a path. */
export function newId(): string {
  return randomBytes(16).toString("hex");
}
