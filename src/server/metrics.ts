import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { jobStatuses } from "../jobs/job.js";
import type { JobQueue } from "../jobs/queue.js";

/** Seconds; a step takes from milliseconds (a tiny model) to minutes (the official one on an old laptop). */
const stepBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const requestBuckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];

/** What Prometheus can ask for. Memory, processor time and the event loop's delay come from prom-client. */
export class Metrics {
  readonly registry = new Registry();
  readonly images = this.counter("arc2face_images_total", "Images that were finished", []);
  readonly generations = this.counter("arc2face_generations_total", "Generations that have ended", ["status"]);
  readonly errors = this.counter("arc2face_errors_total", "Requests that were answered with an error", ["code"]);
  readonly requests = new Histogram({
    name: "arc2face_http_request_seconds",
    help: "Time to the head of the answer",
    labelNames: ["method", "route", "status"],
    buckets: requestBuckets,
    registers: [this.registry],
  });
  readonly eventStreams = new Gauge({
    name: "arc2face_event_streams",
    help: "Event streams that are open",
    registers: [this.registry],
  });
  private readonly steps = new Histogram({
    name: "arc2face_step_seconds",
    help: "Time of one step of one image",
    buckets: stepBuckets,
    registers: [this.registry],
  });

  constructor(queue: JobQueue) {
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: "arc2face_jobs",
      help: "Jobs by status; those that are queued are the queue's depth",
      labelNames: ["status"],
      registers: [this.registry],
      async collect() {
        const counts = await queue.counts();
        for (const status of jobStatuses) this.set({ status }, counts[status]);
      },
    });
  }

  /** @returns call it with the steps that are done whenever that is known */
  startPace(): (stepsDone: number) => void {
    let last: { done: number; atMs: number } | undefined;
    return (done) => {
      const atMs = performance.now();
      const passed = last === undefined ? 0 : done - last.done;
      // Progress that nobody read in time is skipped: the time is that of several steps.
      for (let i = 0; i < passed; i++) this.steps.observe((atMs - last!.atMs) / 1000 / passed);
      last = { done, atMs };
    };
  }

  private counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }
}
