import { command, flag } from "./command.js";
import { printJson } from "./context.js";
import { formatReport, reportModel } from "./model-report.js";

export const modelsInfo = command({
  name: "info",
  summary: "describe a model: its files with licence and origin, its networks, its recogniser",
  args: [["<model>", "a name, hf:OWNER/REPO[@REVISION] as it was pulled, or a model's folder"]],
  options: { json: flag("--json", "print {name, description, folder, files, architecture}") },
  async run([model = ""], { json }, context) {
    const report = await reportModel(model);
    if (json) printJson(context, report);
    else context.stdout(formatReport(report));
  },
});
