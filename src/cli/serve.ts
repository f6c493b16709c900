import { once } from "node:events";
import { inspect } from "node:util";
import { createServer } from "../server/server.js";
import { command } from "./command.js";
import { printable } from "./printable.js";
import { serveDetails, serveOptions } from "./serve-options.js";

export const serve = command({
  name: "serve",
  summary: "run the studio and the HTTP API",
  options: serveOptions,
  details: serveDetails,
  async run(_, options, { signal, stdout, stderr }) {
    const { models, maxQueued, drain, ...rest } = options;
    const server = await createServer({
      ...rest,
      ...(models.length > 0 ? { models } : {}),
      limits: { queuedGenerations: maxQueued },
      log: (message, error) => stderr.write(`${printable(message)}: ${inspect(error)}\n`),
    });
    try {
      const address = await server.listen();
      stdout(`${address}\n`);
      stderr.write(`serving; data in ${printable(options.dataFolder)}; Ctrl-C stops\n`);
      if (server.isKeyRequired && server.keys.list().every(({ revokedAt }) => revokedAt !== null)) {
        stderr.write("requests need a key, and there is none yet: arc2face keys create NAME makes one\n");
      }
      if (!signal.aborted) await once(signal, "abort");
      stderr.write(`stopping; what runs gets ${drain} s to finish (Ctrl-C again: at once)\n`);
    } finally {
      await server.close({ drainMs: drain * 1000 });
    }
    signal.throwIfAborted();
  },
});
