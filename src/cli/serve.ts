import { once } from "node:events";
import { join } from "node:path";
import { inspect } from "node:util";
import { openStore } from "../jobs/open-store.js";
import { checkRedis } from "../jobs/redis-check.js";
import { RedisQueue } from "../jobs/redis-queue.js";
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
    const { models, maxQueued, drain, queue: url, results, ...rest } = options;
    const log = (message: string, error: unknown) => void stderr.write(`${printable(message)}: ${inspect(error)}\n`);
    const store = await openStore(results ?? join(options.dataFolder, "results"));
    if (url !== undefined) await checkRedis(url, (warning) => stderr.write(`${warning}\n`));
    const onError = (error: Error) => log("the queue's Redis", error.message);
    const queue = url === undefined ? undefined : new RedisQueue({ url, store, maxQueued, onError });
    const offered = models.length > 0 ? { models } : {};
    const server = await createServer({
      ...rest,
      ...offered,
      store,
      queue,
      limits: { queuedGenerations: maxQueued },
      log,
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
      store.close();
    }
    signal.throwIfAborted();
  },
});
