import { InvalidArgumentError } from "commander";
import type { LoraOptions } from "../pipeline/loras.js";
import { type Device, executionDevices } from "../runtime/devices.js";

/** What `--device` takes. */
export const devices = ["auto", ...executionDevices] as const satisfies readonly Device[];

/** Readers of option texts. Each throws commander's InvalidArgumentError, which is printed with the option's name. */

export const text = (given: string): string => given;

/** A whole number in a range, both ends included. */
export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): (given: string) => number {
  return (given) => {
    const value = /^\d+$/.test(given) ? Number(given) : Number.NaN;
    if (value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`Give a whole number ${range}.`);
  };
}

/** Whole numbers of at least `min`, with commas between. */
export function wholeNumbers(min: number): (given: string) => readonly number[] {
  return (given) => given.split(",").map((part) => wholeNumber(min)(part.trim()));
}

/** A number in a range, both ends included. */
export function number(min: number, max = Number.POSITIVE_INFINITY): (given: string) => number {
  return (given) => {
    const value = given.trim() === "" ? Number.NaN : Number(given);
    if (Number.isFinite(value) && value >= min && value <= max) return value;
    const range = max === Number.POSITIVE_INFINITY ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`Give a number ${range}.`);
  };
}

/** One of some names. */
export function oneOf<Name extends string>(names: readonly Name[]): (given: string) => Name {
  return (given) => {
    const name = names.find((known) => known === given);
    if (name !== undefined) return name;
    throw new InvalidArgumentError(`Give one of ${names.join(", ")}.`);
  };
}

/** A file whose name has one of some endings. */
export function fileEnding(...endings: readonly string[]): (given: string) => string {
  return (given) => {
    if (endings.some((ending) => given.toLowerCase().endsWith(ending))) return given;
    throw new InvalidArgumentError(`Name a file that ends with ${endings.join(" or ")}.`);
  };
}

/** `512` or `WIDTHxHEIGHT`, in pixels. */
export function size(given: string): [widthPx: number, heightPx: number] {
  const [, width, height = width] = /^(\d{1,5})(?:x(\d{1,5}))?$/.exec(given) ?? [];
  if (width !== undefined) return [Number(width), Number(height)];
  throw new InvalidArgumentError("Give pixels, as 512 or 512x768 (width x height).");
}

/** `LOW,HIGH`: two noise levels. */
export function interval(given: string): [low: number, high: number] {
  const parts = given.split(",");
  const [low, high] = parts.map(number(0));
  if (parts.length === 2 && low !== undefined && high !== undefined && low < high) return [low, high];
  throw new InvalidArgumentError("Give two noise levels, the lower first, as 0.3,5.");
}

/** `FILE` or `FILE:SCALE`. */
export function lora(given: string): LoraOptions {
  const [, path, scale] = /^(.+):(-?(?:\d+\.?\d*|\.\d+))$/.exec(given) ?? [];
  if (path !== undefined) return { path, scale: Number(scale) };
  if (given !== "") return { path: given };
  throw new InvalidArgumentError("Give a file, or FILE:SCALE.");
}

/** `NAME` or `NAME=SOURCE`: what a model is called, and where it is from. */
export function namedModel(given: string): [name: string, source: string] {
  const [, name, source = name] = /^([a-z0-9][a-z0-9._-]{0,63})(?:=(.+))?$/.exec(given) ?? [];
  if (name !== undefined && source !== undefined) return [name, source];
  throw new InvalidArgumentError("Give the name of a known model, or NAME=SOURCE, the name in lower case.");
}
