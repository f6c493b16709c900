import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { bundledFolder, catalog } from "../hub/catalog.js";
import { listModels, type Model } from "../hub/models.js";
import { resolveFolder } from "../hub/pull.js";
import { command, flag } from "./command.js";
import { printJson } from "./context.js";
import { formatTable, megabytes } from "./table.js";

export const modelsList = command({
  name: "list",
  summary: "list the models that have a name, and those that were pulled",
  options: { json: flag("--json", "print [{name, description, folder, bytes, licences}]") },
  async run(_, { json }, context) {
    const pulled = new Map((await listModels()).map((model) => [model.source, model]));
    const named = await Promise.all(
      catalog.map(async ({ name, description, bundled }) => {
        const found = bundled ? await inPackage(name, bundled.licence) : onDisk(pulled.get(name));
        return { name, description, ...found };
      }),
    );
    const others = [...pulled.values()].filter(({ source }) => !catalog.some(({ name }) => name === source));
    const rows = [...named, ...others.map((model) => ({ name: model.source, description: "", ...onDisk(model) }))];
    if (json) {
      printJson(context, rows);
      return;
    }
    const cells = rows.map((row) => [
      row.name,
      row.bytes === undefined ? (bundledFolder(row.name) ? "missing" : "not pulled") : megabytes(row.bytes),
      row.licences?.join(", ") ?? "",
      row.description,
    ]);
    context.stdout(formatTable(["NAME", ">MB", "LICENCES", "DESCRIPTION"], cells));
  },
});

interface OnDisk {
  folder?: string;
  bytes?: number;
  licences?: string[];
}

/** A model that ships with this package; nothing if the package is damaged. */
async function inPackage(name: string, licence: string): Promise<OnDisk> {
  const folder = await resolveFolder(name).catch(() => undefined);
  if (folder === undefined) return {};
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size));
  return { folder, bytes: sizes.reduce((sum, size) => sum + size, 0), licences: [licence] };
}

function onDisk(model: Model | undefined): OnDisk {
  if (!model) return {};
  const bytes = model.files.reduce((sum, file) => sum + file.bytes, 0);
  return { folder: model.folder, bytes, licences: [...new Set(model.files.map(({ licence }) => licence))] };
}
