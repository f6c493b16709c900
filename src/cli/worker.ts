import { openStore } from "../jobs/open-store.js";
import { checkRedis } from "../jobs/redis-check.js";
import { RedisWorker } from "../jobs/redis-worker.js";
import { createRunner } from "../jobs/runner.js";
import { openWorkshop } from "../jobs/workshop.js";
import { command, flag, optional, repeated, required, withDefault } from "./command.js";
import { devices, namedModel, oneOf, text, wholeNumber } from "./read-options.js";
import { WorkerLog } from "./worker-log.js";

export const worker = command({
  name: "worker",
  summary: "run jobs of a server that was started with --queue; on as many machines as wanted",
  options: {
    queue: required("--queue <url>", "the server's Redis: redis://[user:password@]host[:port][/database]", text),
    data: required("--data <place>", "the server's result store: a shared folder, or s3://bucket[/prefix]", text),
    models: repeated("--model <name[=source]>", "a model that jobs may name; default: all known", namedModel),
    concurrency: withDefault("-c, --concurrency <jobs>", "jobs at once; one uses all cores", wholeNumber(1, 64), 1),
    keepModels: withDefault("--keep-models <number>", "models that stay loaded while unused", wholeNumber(1, 64), 1),
    device: withDefault("--device <name>", `where networks run: ${devices.join(", ")}`, oneOf(devices), "auto"),
    threads: optional("--threads <number>", "processor threads (default: all cores)", wholeNumber(1, 1024)),
    drain: withDefault("--drain <seconds>", "time that running jobs get to end when it is stopped", wholeNumber(0), 30),
    lostAfter: withDefault(
      "--lost-after <seconds>",
      "silence after which others take its jobs",
      wholeNumber(1, 3600),
      15,
    ),
    json: flag("--json", "print what happens to standard output, each event a line of JSON"),
  },
  details:
    "Stopped by SIGTERM or Ctrl-C, it ends its jobs or puts them back into the queue; a second Ctrl-C ends it at once.\n" +
    "If it dies, nothing is lost: another worker makes what was not finished. See docs/jobs.md.",
  async run(_, options, context) {
    const { queue: url, data, models, concurrency, drain, lostAfter, json, ...rest } = options;
    const { signal } = context;
    const log = new WorkerLog(context, json);
    await checkRedis(url, log.warn);
    const store = await openStore(data);
    const named = models.length > 0 ? new Map(models) : undefined;
    const workshop = openWorkshop({ ...rest, store, models: named, onDownload: log.showDownload });
    const run = createRunner(workshop);
    const queue = new RedisWorker({ url, store, run, concurrency, lockMs: lostAfter * 1000, onEvent: log.show });
    try {
      await queue.ready();
      log.say("ready", { data, concurrency });
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      log.say("draining", { seconds: drain });
    } finally {
      await queue.close({ drainMs: drain * 1000 });
      await Promise.all([workshop.models.close(), workshop.embedders.close()]);
      store.close();
    }
    log.say("stopped", {});
  },
});
