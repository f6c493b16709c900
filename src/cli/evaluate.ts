import { commandGroup } from "./command.js";
import { evaluateVerification } from "./evaluate-verification.js";

export const evaluate = commandGroup("evaluate", "measure models on public protocols", [evaluateVerification]);
