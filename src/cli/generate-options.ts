import { samplerNames } from "../diffusion/samplers.js";
import { defaultModel } from "../hub/catalog.js";
import { flag, optional, repeated, unlessFlag, withDefault } from "./command.js";
import { alignedOption, detectorOptions } from "./face-options.js";
import { interval, lora, number, oneOf, size, text, wholeNumber } from "./read-options.js";

/** What all commands that make images take. Those that the library takes have its names. */
export const imageOptions = {
  model: withDefault(
    "--model <source>",
    "a name (see: models list), model folder, or hf:OWNER/REPO[@REVISION]",
    text,
    defaultModel,
  ),
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
    "side, or WIDTHxHEIGHT (default: what the model was trained at; mini: 128, official: 512)",
    size,
  ),
  out: withDefault("--out <folder>", "where the images go", text, "out"),
  sheet: unlessFlag("--no-sheet", "leave out sheet.png, which has all images on one page (default: written)"),
  likeness: unlessFlag(
    "--no-likeness",
    "do not look how similar the images are to the face (default: measured, a moment each)",
  ),
  loras: repeated("--lora <file[:scale]>", "add a LoRA, a file or hf:OWNER/REPO/path (default scale: 1)", lora),
  recogniser: optional(
    "--recogniser <source>",
    "what embeds photos: mobilefacenet, arcface, or a file (default: the model's, else arcface, the official one)",
    text,
  ),
  ...detectorOptions,
  batchSize: optional(
    "--batch-size <images>",
    "images at once; changes at most last bits of them (default: as many as 2 GiB of activations allow, 16 at most)",
    wholeNumber(1, 1024),
  ),
};

/** What commands take that are given faces. */
export const givenFaceOptions = {
  face: optional(
    "--face <number>",
    "of a photo with several faces, this one, counted from the left (default: the largest)",
    wholeNumber(1, 10_000),
  ),
  aligned: alignedOption,
  force: flag("--force", "take embeddings of another recogniser than the model's; they show someone else"),
};

/** The options of `generate`. */
export const generateOptions = {
  count: withDefault("-n, --count <images>", "images of each person", wholeNumber(1, 1_000_000), 4),
  mean: flag("--mean", "the photos show one person: make images of the mean of their embeddings"),
  ...givenFaceOptions,
  ...imageOptions,
  previewEvery: optional(
    "--preview-every <steps>",
    "write a preview of each image after every so many steps (default: none)",
    wholeNumber(1),
  ),
  json: flag(
    "--json",
    "print {images: [{file, seed, similarity, faceFound}], sheet, model, recogniser, elapsedMs} instead of the files' names",
  ),
};

export const generateDetails = `\
Images are called NAME-SEED.png after the face's file, NAME-INDEX-SEED.png if it holds several.
An image that was made in the same way is replaced; beside any other file of that name it becomes NAME-SEED-2.png.
The similarity is the cosine between the embeddings of the face given and of the face in the image.

Examples:
  arc2face generate me.jpg
  arc2face generate me.jpg me-2.jpg me-3.jpg --mean -n 16 --seed 1 --out faces`;
