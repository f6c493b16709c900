import { type CropTemplate, cropTemplates } from "../face/embed.js";
import type { WeightsFile } from "../face/weights-file.js";
import { optional, withDefault } from "./command.js";
import type { Context } from "./context.js";
import { devices, oneOf, text, wholeNumber } from "./read-options.js";

/** Where the networks run. */
export const deviceOptions = {
  device: withDefault("--device <name>", devices.join(", "), oneOf(devices), "auto"),
  threads: optional("--threads <number>", "processor threads (default: one for each core)", wholeNumber(1, 1024)),
};

/** How faces are found. */
export const detectorOptions = {
  detector: optional("--detector <source>", "rfb-320, or an SCRFD file: path, hf:… or npm:… (default: rfb-320)", text),
  ...deviceOptions,
};

/** `--aligned` or `--aligned TEMPLATE`. */
export const alignedOption = optional(
  "--aligned [template]",
  `take the photos as they are, crops of 112x112 aligned to the template ${cropTemplates.join(", or ")} (eyes 8 pixels further left, as in many copies of LFW); default template arcface; without this, faces are found and aligned here`,
  oneOf(cropTemplates),
);
alignedOption.option.preset("arcface" satisfies CropTemplate);

/** How faces are embedded. */
export const embedderOptions = {
  recogniser: optional(
    "--recogniser <source>",
    "mobilefacenet, arcface (the official one), or any 112x112 recogniser: path, hf:… or npm:… (default: mobilefacenet)",
    text,
  ),
  aligned: alignedOption,
  ...detectorOptions,
};

/** Says which networks are at work, and under which licences. */
export function showLicences(files: readonly WeightsFile[], { stderr }: Pick<Context, "stderr">): void {
  stderr.write(`${files.map(({ name, licence }) => `${name} (licence: ${licence})`).join(", ")}\n`);
}
