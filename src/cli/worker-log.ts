import type { WorkerEvent } from "../jobs/redis-worker.js";
import type { Context } from "./context.js";
import { printable } from "./printable.js";
import { Progress } from "./progress.js";

/** Says what a worker does: a line of text on stderr for each event, or of JSON on standard output. */
export class WorkerLog {
  private readonly progress: Progress;

  constructor(
    private readonly context: Pick<Context, "stdout" | "stderr" | "isTTY">,
    private readonly json: boolean,
  ) {
    this.progress = new Progress({ stderr: context.stderr, isTTY: false });
  }

  get showDownload() {
    return this.progress.showDownload;
  }

  readonly warn = (message: string): void => this.say("warning", { message });

  readonly show = (event: WorkerEvent): void => {
    if (event.type === "trouble") {
      this.say("trouble", { message: event.message });
    } else {
      const { id, kind, attempts } = event.job;
      if (event.type === "started") this.say("started", { job: id, kind, attempt: attempts });
      else this.say(event.error ? "failed" : "done", { job: id, kind, ms: event.ms, ...event.error });
    }
  };

  say(event: string, details: Readonly<Record<string, string | number>>): void {
    const time = new Date().toISOString();
    const words = Object.entries(details).map(([name, value]) => `${name}=${printable(String(value))}`);
    if (this.json) this.context.stdout(`${JSON.stringify({ time, event, ...details })}\n`);
    else this.context.stderr.write(`${[time, event, ...words].join(" ")}\n`);
  }
}
