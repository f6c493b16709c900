import { setTimeout as sleep } from "node:timers/promises";
import { Agent, fetch, type RequestInit } from "undici";

/** What the server answered to clients, all of them together. */
export interface Tally {
  accepted: number;
  refused: number;
  /** Refusals without a usable Retry-After. */
  refusedWithoutWait: number;
  done: number;
  images: number;
  /** Anything that should not be. */
  readonly faults: string[];
}

export function newTally(): Tally {
  return { accepted: 0, refused: 0, refusedWithoutWait: 0, done: 0, images: 0, faults: [] };
}

const longestWaitS = 60;

/** Someone who makes images, waits when told to, and looks at what comes. */
export class Client {
  /** Connections of its own: streams of events must not wait for each other. */
  private readonly dispatcher = new Agent({
    ...{ connections: 4, bodyTimeout: 0, headersTimeout: 120_000, connect: { timeout: 120_000 } },
  });

  constructor(
    private readonly address: string,
    private readonly key: string,
    private readonly tally: Tally,
  ) {}

  async close(): Promise<void> {
    await this.dispatcher.close();
  }

  async json<Answer>(path: string, init: RequestInit = {}): Promise<Answer> {
    const answer = await this.fetch(path, init);
    if (!answer.ok) throw new Error(`${init.method ?? "GET"} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Answer;
  }

  post<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.json(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  async text(path: string): Promise<string> {
    return (await this.fetch(path)).text();
  }

  /** Starts a generation, however often it is refused, follows it to its end, and looks at its images. */
  async generate(request: { identity: string; count: number; [setting: string]: unknown }): Promise<string> {
    const id = await this.start(request);
    const events = await this.text(`/api/v1/generations/${id}/events`);
    if (!/^event: done$/m.test(events)) {
      this.tally.faults.push(`generation ${id} did not end: ${events.slice(-300)}`);
      return id;
    }
    this.tally.done++;
    const { images } = await this.json<{ images: { url: string }[] }>(`/api/v1/generations/${id}`);
    if (images.length !== request.count) this.tally.faults.push(`generation ${id} has ${images.length} images`);
    for (const { url } of images) {
      const png = await (await this.fetch(url)).arrayBuffer();
      if (Buffer.from(png, 1, 3).toString() === "PNG") this.tally.images++;
      else this.tally.faults.push(`${url} is no PNG`);
    }
    return id;
  }

  async delete(path: string): Promise<void> {
    await (await this.fetch(path, { method: "DELETE" })).text();
  }

  private async start(request: unknown): Promise<string> {
    for (;;) {
      const answer = await this.fetch("/api/v1/generations", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(request),
      });
      const body = (await answer.json()) as { id: string };
      if (answer.status === 202) {
        this.tally.accepted++;
        return body.id;
      }
      if (answer.status !== 429) throw new Error(`status ${answer.status}: ${JSON.stringify(body)}`);
      this.tally.refused++;
      const waitS = Number(answer.headers.get("retry-after"));
      if (!(waitS >= 1)) this.tally.refusedWithoutWait++;
      // A little of chance, so that not all come back at once.
      await sleep(1000 * Math.min(longestWaitS, Math.max(1, waitS)) * (1 + Math.random()));
    }
  }

  private fetch(path: string, init: RequestInit = {}) {
    const headers = { ...(init.headers as Record<string, string>), Authorization: `Bearer ${this.key}` };
    return fetch(this.address + path, { ...init, headers, dispatcher: this.dispatcher });
  }
}
