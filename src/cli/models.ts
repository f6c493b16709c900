import { commandGroup } from "./command.js";
import { modelsInfo } from "./models-info.js";
import { modelsList } from "./models-list.js";
import { modelsPull } from "./models-pull.js";
import { modelsVerify } from "./models-verify.js";

export const models = commandGroup("models", "list, describe, download and check models", [
  modelsList,
  modelsInfo,
  modelsPull,
  modelsVerify,
]);
