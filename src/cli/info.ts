import { InputError } from "../errors.js";
import { command, flag } from "./command.js";
import { commandLine, type ImageRecord, parseImageRecord } from "./command-record.js";
import { printJson } from "./context.js";
import { readPngFile } from "./png-file.js";
import { formatFacts } from "./table.js";

export const info = command({
  name: "info",
  summary: "tell how an image was made, and print the command that makes it again",
  args: [["<image>", "PNG made by arc2face"]],
  options: { json: flag("--json", "print {generation, command, again}; again is the command line") },
  details: "The command names the embedding's file without its folder: an image does not tell where on a disk it lay.",
  async run([path = ""], { json }, context) {
    const found = await readPngFile(path);
    if (found === undefined) {
      throw new InputError(
        `${path} does not say how it was made; it is not from arc2face, or another program took its texts out`,
      );
    }
    const record = parseImageRecord(found);
    const again = commandLine(record);
    if (json) printJson(context, { ...record, again });
    else context.stdout(`${formatFacts(describe(record))}\n${again}\n`);
  },
});

function describe({ generation, command: words }: ImageRecord): [label: string, fact: string][] {
  const { model, guidanceScale, guidanceRescale, guidanceInterval } = generation;
  const guidance = [
    `scale ${guidanceScale}`,
    guidanceRescale === undefined ? [] : `rescale ${guidanceRescale}`,
    guidanceInterval === undefined ? [] : `noise levels ${guidanceInterval.join(" to ")}`,
  ];
  return [
    ["seed", String(generation.seed)],
    ["sampler", `${generation.sampler}, ${generation.steps} steps`],
    ["details", describeOptions(generation.samplerOptions)],
    ["guidance", guidance.flat().join(", ")],
    ["size", `${generation.widthPx}x${generation.heightPx} pixels`],
    ["embedding", `sha256 ${generation.embedding}${words ? `, number ${words.identity} of its file` : ""}`],
    ["unet", `sha256 ${model.unet}`],
    ["encoder", `sha256 ${model.encoder}`],
    ["autoencoder", `sha256 ${model.autoencoder}`],
    ...model.loras.map(({ sha256, scale }): [string, string] => ["lora", `sha256 ${sha256}, scale ${scale}`]),
    ["made by", words ? `arc2face ${words.version}, device ${words.device}` : "a program, through the library"],
  ];
}

/** The sampler's options, which come from the model's scheduler config or from a program: the command line has none for them. */
function describeOptions(options: ImageRecord["generation"]["samplerOptions"]): string {
  return Object.entries(options)
    .map(([option, value]) => `${option} ${value}`)
    .join(", ");
}
