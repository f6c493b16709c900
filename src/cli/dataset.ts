import { commandGroup } from "./command.js";
import { datasetBackdrop } from "./dataset-backdrop.js";
import { datasetEncode } from "./dataset-encode.js";
import { datasetIdentities } from "./dataset-identities.js";
import { datasetMix } from "./dataset-mix.js";
import { datasetPrepare } from "./dataset-prepare.js";

export const dataset = commandGroup("dataset", "make datasets to train on", [
  datasetPrepare,
  datasetEncode,
  datasetIdentities,
  datasetMix,
  datasetBackdrop,
]);
