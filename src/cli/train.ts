import { commandGroup } from "./command.js";
import { trainArc2FaceCommand } from "./train-arc2face.js";
import { trainAutoencoderCommand } from "./train-autoencoder.js";
import { trainBaseCommand } from "./train-base.js";
import { trainDistillCommand } from "./train-distill.js";

export const train = commandGroup("train", "train autoencoders, base models and Arc2Face itself, and make them quick", [
  trainAutoencoderCommand,
  trainBaseCommand,
  trainArc2FaceCommand,
  trainDistillCommand,
]);
