import { commandGroup } from "./command.js";
import { evaluateAutoencoderCommand } from "./evaluate-autoencoder.js";
import { evaluateIdentityCommand } from "./evaluate-identity.js";
import { evaluatePcaCommand } from "./evaluate-pca.js";
import { evaluateVerification } from "./evaluate-verification.js";

export const evaluate = commandGroup("evaluate", "measure models on public protocols", [
  evaluateIdentityCommand,
  evaluateAutoencoderCommand,
  evaluatePcaCommand,
  evaluateVerification,
]);
