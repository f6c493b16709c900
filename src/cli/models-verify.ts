import { CheckpointError } from "../errors.js";
import { verifyModel } from "../hub/models.js";
import { command, flag } from "./command.js";
import { printJson } from "./context.js";
import { Progress } from "./progress.js";
import { formatTable } from "./table.js";

export const modelsVerify = command({
  name: "verify",
  summary: "hash the files of a pulled model again; exit status 1 if one is not what was pulled",
  args: [["<model>", "a name, hf:OWNER/REPO[@REVISION] as it was pulled, or the model's folder"]],
  options: { json: flag("--json", "print [{path, expected, found, isIntact}]") },
  async run([model = ""], { json }, context) {
    const progress = new Progress(context);
    try {
      const files = await verifyModel(model, {
        signal: context.signal,
        onProgress: ({ receivedBytes, totalBytes }) =>
          progress.update({ label: "verifying", done: receivedBytes, total: totalBytes, unit: "bytes" }),
      });
      progress.stop();
      if (json) printJson(context, files);
      else {
        const state = (file: (typeof files)[number]) =>
          file.isIntact ? "intact" : file.found === undefined ? "missing" : "changed";
        context.stdout(
          formatTable(
            ["STATE", "FILE", "SHA-256"],
            files.map((file) => [state(file), file.path, file.expected]),
          ),
        );
      }
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
