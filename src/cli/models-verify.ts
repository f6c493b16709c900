import { CheckpointError } from "../errors.js";
import { findCatalogModel } from "../hub/catalog.js";
import { type Verification, verifyModel } from "../hub/models.js";
import { resolveFolder } from "../hub/pull.js";
import { checkModelFolder } from "../pipeline/check-model.js";
import { command, flag } from "./command.js";
import { printJson } from "./context.js";
import { findPulled } from "./model-report.js";
import { Progress } from "./progress.js";
import { formatTable } from "./table.js";

export const modelsVerify = command({
  name: "verify",
  summary: "check the files of a model again; exit status 1 if one is not what it should be",
  args: [["<model>", "a name, hf:OWNER/REPO[@REVISION] as it was pulled, or a model's folder"]],
  options: {
    json: flag("--json", "print [{path, expected, found, isIntact}]; a folder of one's own: [{path, sha256}]"),
  },
  details: `What was pulled must have the hashes that it was pulled with.
In a folder of one's own, all files must be there and whole, and hold the weights that their configurations describe.`,
  async run([model = ""], { json }, context) {
    const { signal, stdout } = context;
    const known = findCatalogModel(model);
    const isPulled = (known && !known.bundled) || (await findPulled(model)) !== undefined;
    if (!isPulled) {
      const weights = await checkModelFolder(await resolveFolder(model), { signal });
      if (json) printJson(context, weights);
      else stdout(formatStates(weights.map(({ path, sha256 }) => ["complete", path, sha256])));
      return;
    }
    const progress = new Progress(context);
    try {
      const files = await verifyModel(model, {
        signal,
        onProgress: ({ receivedBytes, totalBytes }) =>
          progress.update({ label: "verifying", done: receivedBytes, total: totalBytes, unit: "bytes" }),
      });
      progress.stop();
      if (json) printJson(context, files);
      else stdout(formatStates(files.map((file) => [stateOf(file), file.path, file.expected])));
      const wrong = files.filter(({ isIntact }) => !isIntact).length;
      if (wrong === 0) return;
      throw new CheckpointError(
        `${wrong} of ${files.length} files are not what was pulled; pull ${model} with --refresh`,
      );
    } finally {
      progress.stop();
    }
  },
});

const formatStates = (rows: readonly (readonly string[])[]): string => formatTable(["STATE", "FILE", "SHA-256"], rows);

const stateOf = ({ isIntact, found }: Verification): string =>
  isIntact ? "intact" : found === undefined ? "missing" : "changed";
