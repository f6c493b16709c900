import { z } from "zod";
import { InputError } from "../errors.js";
import { type GenerationRecord, parseGenerationRecord } from "../pipeline/metadata.js";
import { devices } from "./read-options.js";
import { pathArgument, shellQuote } from "./shell.js";

const name = z.string().max(4096);

/** What the command line adds to an image's generation record: the words that the user gave. */
const commandRecordSchema = z.strictObject({
  version: z.string().max(100),
  /** Base name of the embedding's file; `-` for standard input. */
  input: name,
  /** Index of the embedding in that file. */
  identity: z.int().nonnegative(),
  /** Base names of all files, if the face is the mean of several. */
  mean: z.array(name).optional(),
  /** Which face of the photo, counted from the left, if the user chose. */
  face: z.int().positive().optional(),
  model: name,
  loras: z.array(z.strictObject({ path: name, scale: z.number().optional() })),
  device: z.enum(devices),
});
export type CommandRecord = z.output<typeof commandRecordSchema>;

/** How an image was made. `command` is absent if a program made it through the library. */
export interface ImageRecord {
  readonly generation: GenerationRecord;
  readonly command?: CommandRecord | undefined;
}

/** What the PNGs carry that are not images of their own. */
const byProductSchema = z.union([z.object({ sheet: z.unknown() }), z.object({ preview: z.unknown() })]);

/** What goes into the PNG: the generation record, with the command's words as one more key. */
export function joinImageRecord({ generation, command }: ImageRecord): unknown {
  return { ...generation, command };
}

/**
 * Checks what was read from a PNG.
 * @throws InputError if it is no generation record (but a sheet or a preview), or from a later version
 */
export function parseImageRecord(value: unknown): ImageRecord {
  if (byProductSchema.safeParse(value).success) {
    throw new InputError("this is a sheet or a preview; ask about one of the images it was made with");
  }
  const { command, ...generation } = z.looseObject({}).catch({}).parse(value);
  const parsed = commandRecordSchema.optional().safeParse(command);
  if (!parsed.success) {
    throw new InputError(`the image's command is not readable: ${z.prettifyError(parsed.error)}`);
  }
  return { generation: parseGenerationRecord(generation), command: parsed.data };
}

/** The command that makes the image again, quoted for a POSIX shell. */
export function commandLine({ generation, command }: ImageRecord): string {
  const { sampler, steps, guidanceScale, guidanceRescale, guidanceInterval, seed, widthPx, heightPx } = generation;
  const words = [
    "arc2face generate",
    ...(command ? (command.mean ?? [command.input]).map(inputArgument) : ["EMBEDDING"]),
    ...(command?.mean ? ["--mean"] : []),
    ...(command?.face === undefined ? [] : [`--face ${command.face}`]),
    `--model ${command ? shellQuote(command.model) : "MODEL"}`,
    ...(command?.loras ?? generation.model.loras.map(({ scale }) => ({ path: "LORA", scale }))).map(
      ({ path, scale }) => `--lora ${shellQuote(scale === undefined ? path : `${path}:${scale}`)}`,
    ),
    `--sampler ${sampler} --steps ${steps} --guidance ${guidanceScale}`,
    ...(guidanceRescale === undefined ? [] : [`--guidance-rescale ${guidanceRescale}`]),
    ...(guidanceInterval === undefined ? [] : [`--guidance-interval ${guidanceInterval.join(",")}`]),
    `--count 1 --seed ${seed} --size ${widthPx}x${heightPx}`,
    ...(command && command.device !== "auto" ? [`--device ${command.device}`] : []),
  ];
  return words.join(" ");
}

const inputArgument = (path: string): string => (path === "-" ? "-" : pathArgument(path));
