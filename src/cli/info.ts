import { InputError } from "../errors.js";
import { command, flag } from "./command.js";
import { commandLine, parseImageRecord } from "./command-record.js";
import { printJson } from "./context.js";
import { readPngFile } from "./png-file.js";
import { formatTable } from "./table.js";

export const info = command({
  name: "info",
  summary: "tell how an image was made, and print the command that makes it again",
  args: [["<image>", "PNG made by arc2face"]],
  options: { json: flag("--json", "print {generation, command, again}, again being the command line") },
  details:
    "The command names the embedding's file without its folder: the image does not say where on your disk it lay.",
  async run([path = ""], { json }, context) {
    const found = await readPngFile(path);
    if (found === undefined) {
      throw new InputError(
        `${path} does not say how it was made; it is not from arc2face, or a program removed its texts`,
      );
    }
    const record = parseImageRecord(found);
    const again = commandLine(record);
    if (json) {
      printJson(context, { ...record, again });
      return;
    }
    const { model, samplerOptions, ...rest } = record.generation;
    const { loras, ...networks } = model;
    const rows = Object.entries({
      ...rest,
      ...(record.command?.version && { madeBy: `arc2face ${record.command.version}` }),
      ...networks,
    });
    context.stdout(
      formatTable(
        ["", ""],
        rows.map(([key, value]) => [key, String(value)]),
      ),
    );
    context.stdout(`\n${again}\n`);
  },
});
