import { catalog } from "../hub/catalog.js";
import { listModels, type Model } from "../hub/models.js";
import { command, flag } from "./command.js";
import { printJson } from "./context.js";
import { formatTable, megabytes } from "./table.js";

export const modelsList = command({
  name: "list",
  summary: "list the models that have a name, and those that were pulled",
  options: { json: flag("--json", "print [{name, description, folder, bytes, licences}]") },
  async run(_, { json }, context) {
    const pulled = new Map((await listModels()).map((model) => [model.source, model]));
    const named = catalog.map(({ name, description }) => ({ name, description, ...onDisk(pulled.get(name)) }));
    const others = [...pulled.values()].filter(({ source }) => !catalog.some(({ name }) => name === source));
    const rows = [...named, ...others.map((model) => ({ name: model.source, description: "", ...onDisk(model) }))];
    if (json) {
      printJson(context, rows);
      return;
    }
    const cells = rows.map((row) => [
      row.name,
      row.bytes === undefined ? "not pulled" : megabytes(row.bytes),
      row.licences?.join(", ") ?? "",
      row.description,
    ]);
    context.stdout(formatTable(["NAME", ">MB", "LICENCES", "DESCRIPTION"], cells));
  },
});

function onDisk(model: Model | undefined): { folder?: string; bytes?: number; licences?: string[] } {
  if (!model) return {};
  const bytes = model.files.reduce((sum, file) => sum + file.bytes, 0);
  return { folder: model.folder, bytes, licences: [...new Set(model.files.map(({ licence }) => licence))] };
}
