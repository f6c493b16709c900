import { samplerNames } from "../diffusion/samplers.js";
import { flag, optional, repeated, required, withDefault } from "./command.js";
import { alignedOption } from "./face-options.js";
import { devices, interval, lora, number, oneOf, size, text, wholeNumber } from "./read-options.js";

/** The options of `generate`. Those that the library takes have its names. */
export const generateOptions = {
  model: required("--model <source>", "model folder, hf:OWNER/REPO[@REVISION], or a name (see: models list)", text),
  count: withDefault("-n, --count <images>", "images of each person", wholeNumber(1, 1_000_000), 1),
  seed: optional(
    "--seed <number>",
    "of the first image, to 2^32 - 1; each next one has one more (default: random)",
    wholeNumber(0, 2 ** 32 - 1),
  ),
  sampler: optional(
    "--sampler <name>",
    `${samplerNames.join(", ")} (default: the model's, else dpm++)`,
    oneOf(samplerNames),
  ),
  steps: optional(
    "--steps <number>",
    "evaluations of the network for each image (default: the model's, else 25)",
    wholeNumber(1),
  ),
  guidanceScale: optional(
    "--guidance <scale>",
    "how closely to follow the face; 1 is off, in half the time (default: the model's, else 3)",
    number(0),
  ),
  guidanceRescale: optional(
    "--guidance-rescale <share>",
    "contrast to restore after strong guidance, 0 to 1 (default: 0)",
    number(0, 1),
  ),
  guidanceInterval: optional(
    "--guidance-interval <low,high>",
    "guide only at noise levels above low, up to high; a model goes from about 15 to 0 (default: at all)",
    interval,
  ),
  size: optional(
    "--size <pixels>",
    "side, or WIDTHxHEIGHT (default: what the model was trained at; official: 512)",
    size,
  ),
  out: withDefault("--out <folder>", "where the images go", text, "."),
  sheet: flag("--sheet", "also write sheet.png, all images on one page, a row for each person"),
  previewEvery: optional(
    "--preview-every <steps>",
    "write a preview of each image after every so many steps (default: none)",
    wholeNumber(1),
  ),
  loras: repeated("--lora <file[:scale]>", "add a LoRA, a file or hf:OWNER/REPO/path (default scale: 1)", lora),
  recogniser: optional(
    "--recogniser <source>",
    "for photos: mobilefacenet, arcface, or a file (default: the model's, else arcface, the official one)",
    text,
  ),
  detector: optional("--detector <source>", "for photos: rfb-320, or an SCRFD file (default: rfb-320)", text),
  aligned: alignedOption,
  force: flag("--force", "take embeddings of another recogniser than the model's; they show someone else"),
  device: withDefault("--device <name>", devices.join(", "), oneOf(devices), "auto"),
  threads: optional("--threads <number>", "processor threads (default: one for each core)", wholeNumber(1, 1024)),
  batchSize: optional(
    "--batch-size <images>",
    "images at once; does not change them (default: by free memory)",
    wholeNumber(1, 1024),
  ),
  json: flag("--json", "print {images: [{file, seed}], sheet, model, elapsedMs} instead of the files' names"),
};

export const generateDetails = `\
Of a photo, the largest face is taken.
Images are called NAME-SEED.png after the face's file, NAME-INDEX-SEED.png if it holds several.
An image that was made in the same way is replaced; beside any other file of that name it becomes NAME-SEED-2.png.

Example: arc2face generate me.jpg --model arc2face -n 4 --seed 1 --sheet --out faces`;
