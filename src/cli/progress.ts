import { SingleBar } from "cli-progress";
import type { Progress as DownloadProgress } from "../hub/download.js";
import type { Context } from "./context.js";
import { megabytes } from "./table.js";

/** How far a piece of work is. */
export interface Work {
  /** What is being done; another label is another piece of work. */
  readonly label: string;
  readonly done: number;
  readonly total: number;
  /** What is counted; bytes are shown in MB. */
  readonly unit: "steps" | "photos" | "faces" | "bytes";
  /** More to say, after rate and time left. */
  readonly note?: string;
}

/** Where stderr is no terminal, a line is written this often. */
const lineEveryMs = 10_000;

/** Shows progress on stderr: a bar with rate and time left on a terminal, else a line now and then. */
export class Progress {
  private label: string | undefined;
  private bar: SingleBar | undefined;
  /** The first report of this work: what came before (loading, what was there already) does not count for the rate. */
  private first = { done: 0, atMs: 0 };
  private lastLineMs = 0;

  constructor(
    private readonly context: Pick<Context, "stderr" | "isTTY">,
    private readonly now: () => number = () => performance.now(),
  ) {}

  update(work: Work): void {
    if (work.label !== this.label) this.start(work);
    const line = [describe(work, this.first, this.now()), ...(work.note ? [work.note] : [])].join(", ");
    this.bar?.update(work.done, { line });
    if (this.bar || this.now() - this.lastLineMs < lineEveryMs) return;
    this.context.stderr.write(`${work.label}: ${line}\n`);
    this.lastLineMs = this.now();
  }

  /** Shows a download; a listener for the library's functions. */
  readonly showDownload = ({ file, receivedBytes, totalBytes }: DownloadProgress): void => {
    this.update({ label: file, done: receivedBytes, total: totalBytes, unit: "bytes" });
  };

  /** Ends the bar, which stays on the screen as it is. */
  stop(): void {
    this.bar?.stop();
    this.bar = undefined;
    this.label = undefined;
  }

  private start({ label, done, total }: Work): void {
    this.stop();
    this.label = label;
    this.lastLineMs = this.now();
    this.first = { done, atMs: this.now() };
    if (!this.context.isTTY) return;
    this.bar = new SingleBar({
      format: `${label} {bar} {line}`,
      stream: this.context.stderr,
      barsize: 24,
      barCompleteChar: "█",
      barIncompleteChar: "░",
      // Signals belong to main.ts.
      gracefulExit: false,
    });
    this.bar.start(total, done, { line: "" });
  }
}

/** Such as `12/50 steps, 8.1 s/step, 5:08 left` or `1,024.0/3,438.2 MB, 21.3 MB/s, 1:53 left`. */
function describe({ done, total, unit }: Work, first: { done: number; atMs: number }, nowMs: number): string {
  const count = unit === "bytes" ? `${megabytes(done)}/${megabytes(total)} MB` : `${done}/${total} ${unit}`;
  const perSecond = (done - first.done) / ((nowMs - first.atMs) / 1000);
  if (!(perSecond > 0) || !Number.isFinite(perSecond)) return count;
  const left = `${formatSeconds((total - done) / perSecond)} left`;
  if (unit === "bytes") return `${count}, ${megabytes(perSecond)} MB/s, ${left}`;
  const rate =
    perSecond >= 1 ? `${perSecond.toFixed(1)} ${unit}/s` : `${(1 / perSecond).toFixed(1)} s/${unit.slice(0, -1)}`;
  return `${count}, ${rate}, ${left}`;
}

/** `m:ss`, or `h:mm:ss`. */
function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const pad = (value: number) => String(value).padStart(2, "0");
  return `${hours > 0 ? `${hours}:${pad(minutes)}` : minutes}:${pad(whole % 60)}`;
}
