import { z } from "zod";
import { CheckpointError } from "../errors.js";

/** Shared pieces for reading the official `config.json` files. */

/**
 * Options of diffusers that this project does not implement: the config may name them, with the value that turns them off.
 * Any other value is refused by name, because ignoring it would silently give another network.
 */
export function unsupported<T extends z.core.util.Literal>(...off: readonly [T, ...T[]]) {
  return z.literal(off, { error: (issue) => `${JSON.stringify(issue.input)} is not supported` }).optional();
}

/** Keys that describe the file, not the network. */
export const fileKeys = {
  _class_name: z.string().optional(),
  _diffusers_version: z.string().optional(),
  _name_or_path: z.string().optional(),
};

/**
 * Checks a parsed config.json.
 * @param where the file's path, for the message
 * @throws CheckpointError naming every key that is missing, unknown or has an unsupported value
 */
export function parseConfig<S extends z.ZodType>(schema: S, json: unknown, where: string): z.output<S> {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    if (issue.code === "unrecognized_keys") return `unknown keys ${issue.keys.join(", ")}`;
    return issue.path.length > 0 ? `${issue.path.join(".")}: ${issue.message}` : issue.message;
  });
  throw new CheckpointError(`${where}: ${problems.join("; ")}`);
}

/** A value given once for all blocks, or once per block. */
export const perBlock = <S extends z.ZodType>(schema: S) => z.union([schema, z.array(schema)]);

/** The value for block `index` of a `perBlock` setting. */
export function forBlock<T>(setting: T | readonly T[], index: number): T {
  return Array.isArray(setting) ? ((setting as readonly T[])[index] as T) : (setting as T);
}
