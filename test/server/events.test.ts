import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { GenerationEvent } from "../../src/server/api/types.js";
import type { Server } from "../../src/server/server.js";
import {
  fakeServer,
  finishedGeneration,
  type Gate,
  newIdentity,
  postJson,
  shut,
  temporaryFolder,
} from "./fake-parts.js";

interface Received {
  readonly id: number | undefined;
  readonly event: GenerationEvent;
}

function parse(text: string): Received[] {
  const blocks = text.split("\n\n").filter((block) => block.includes("data: "));
  return blocks.map((block) => ({
    id: /^id: (\d+)$/m.test(block) ? Number(/^id: (\d+)$/m.exec(block)![1]) : undefined,
    event: JSON.parse(/^data: (.*)$/m.exec(block)![1]!) as GenerationEvent,
  }));
}

const typesOf = (received: readonly Received[]) => received.map(({ event }) => event.type);

async function start(server: Server, count = 2, steps = 2): Promise<string> {
  const identity = await newIdentity(server);
  const answer = await postJson(server, "/api/v1/generations", { identity, count, steps, seed: 7 });
  return ((await answer.json()) as { id: string }).id;
}

const watch = async (server: Server, id: string, lastId?: number) =>
  server.app.request(`/api/v1/generations/${id}/events`, {
    headers: lastId === undefined ? {} : { "Last-Event-ID": String(lastId) },
  });

/** A gate that is shut until it is opened. */
function makeGate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, gate: () => opened };
}

describe("events of a generation", () => {
  it("tell all of it, from the queue to the end", async () => {
    const { open, gate } = makeGate();
    const server = await fakeServer({ gate });
    await start(server);
    const id = await start(server);
    const answer = await watch(server, id);
    expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    open();
    const received = parse(await answer.text());
    const once = received.filter(({ id }) => id !== undefined);
    expect(once.map(({ id }) => id)).toEqual([1, 2, 3, 4, 1_000_000]);
    expect(typesOf(once)).toEqual(["queued", "started", "image", "image", "done"]);
    expect(typesOf(received)).toEqual(expect.arrayContaining(["progress", "preview"]));
    const images = received.flatMap(({ event }) => (event.type === "image" ? [event.image] : []));
    expect(images).toMatchObject([
      { seed: 7, similarity: 0.75, verdict: "same", faceFound: true },
      { seed: 8, similarity: 0.75, verdict: "same", faceFound: true },
    ]);
    const steps = received.flatMap(({ event }) => (event.type === "progress" ? [event.stepsDone] : []));
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(received.at(-1)!.event).toMatchObject({
      type: "done",
      generation: { progress: { stepsDone: 4, stepsTotal: 4 } },
    });
  });

  it("go on after the last one that was seen, and end for those who have seen the end", async () => {
    const server = await fakeServer();
    const id = await finishedGeneration(server, await newIdentity(server));
    const idsAfter = async (lastId: number) =>
      parse(await (await watch(server, id, lastId)).text()).map((one) => one.id);
    expect(await idsAfter(0)).toEqual([2, 3, 4, 1_000_000]);
    expect(await idsAfter(2)).toEqual([3, 4, 1_000_000]);
    expect(await idsAfter(3)).toEqual([4, 1_000_000]);
    expect((await watch(server, id, 1_000_000)).status).toBe(204);
  });

  it("have the same ids after a restart, and what was cut off goes on", async () => {
    const dataFolder = temporaryFolder();
    const first = await fakeServer({ dataFolder, gate: shut });
    const id = await start(first);
    const before = watch(first, id).then((answer) => answer.text());
    await sleep(50);
    await first.close({ drainMs: 0 });
    expect(typesOf(parse(await before))).not.toContain("done");
    const second = await fakeServer({ dataFolder });
    const after = parse(await (await watch(second, id, 2)).text()).filter((one) => one.id !== undefined);
    expect(after.map((one) => one.id)).toEqual([3, 4, 1_000_000]);
  });

  it("say that a generation was cancelled; its finished images stay", async () => {
    let steps = 0;
    // The third image never begins.
    const gate: Gate = async (signal) => void (++steps > 4 && (await shut(signal)));
    const server = await fakeServer({ gate });
    const id = await start(server, 3, 2);
    const events = watch(server, id).then((answer) => answer.text());
    const images = async () =>
      ((await (await server.app.request(`/api/v1/generations/${id}`)).json()) as { images: unknown[] }).images;
    while ((await images()).length < 2) await sleep(10);
    const cancelled = await server.app.request(`/api/v1/generations/${id}/cancel`, { method: "POST" });
    expect(await cancelled.json()).toMatchObject({ status: "cancelled", images: [{ seed: 7 }, { seed: 8 }] });
    expect(typesOf(parse(await events)).slice(-1)).toEqual(["cancelled"]);
  });

  it("end when the generation is deleted", async () => {
    const server = await fakeServer({ gate: shut });
    const id = await start(server);
    const events = watch(server, id).then((answer) => answer.text());
    await sleep(50);
    expect((await server.app.request(`/api/v1/generations/${id}`, { method: "DELETE" })).status).toBe(204);
    await events;
  });
});

describe("clients that do not read", () => {
  it("cost nothing: events are made when they are taken, and passing ones are skipped", async () => {
    const server = await fakeServer();
    const id = await start(server, 4, 50);
    const reader = (await watch(server, id)).body!.getReader();
    await reader.read();
    while (
      ((await (await server.app.request(`/api/v1/generations/${id}`)).json()) as { status: string }).status !== "done"
    ) {
      await sleep(20);
    }
    let text = "";
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read())
      text += new TextDecoder().decode(chunk.value);
    const received = parse(text);
    // 200 steps were made; of the ones that are told once, none is missing.
    expect(received.length).toBeLessThan(20);
    expect(typesOf(received.filter((one) => one.id !== undefined))).toEqual([
      "started",
      ...Array(4).fill("image"),
      "done",
    ]);
  });

  it("take up a limited number of streams: 429 beyond, and places are free again when they leave", async () => {
    const server = await fakeServer({
      gate: shut,
      limits: { eventStreams: 2 },
    });
    const id = await start(server);
    const streams = [await watch(server, id), await watch(server, id)];
    expect((await watch(server, id)).status).toBe(429);
    await streams[0]!.body!.cancel();
    expect((await watch(server, id)).status).toBe(200);
  });

  it("leave their place when their connection ends, over a real socket, too", async () => {
    const server = await fakeServer({ gate: shut });
    const id = await start(server);
    const { hostname, port } = new URL(await server.listen());
    const socket = connect(Number(port), hostname);
    socket.write(`GET /api/v1/generations/${id}/events HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`);
    const open = async () =>
      /^arc2face_event_streams (\d+)/m.exec(await (await server.app.request("/metrics")).text())![1];
    while ((await open()) !== "1") await sleep(10);
    socket.destroy();
    while ((await open()) !== "0") await sleep(10);
  });
});
