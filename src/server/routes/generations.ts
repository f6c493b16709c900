import type { OpenAPIHono } from "@hono/zod-openapi";
import type { ResultStore } from "../../jobs/store.js";
import {
  cancelGeneration,
  deleteGeneration,
  generationEventSchema,
  getArchive,
  getGeneration,
  listGenerations,
  startGeneration,
  watchGeneration,
} from "../api/generations.js";
import { zipStream } from "../archive.js";
import type { ServerEnv } from "../guards/environment.js";
import type { Generations } from "../services/generations.js";

const eventHeaders = {
  "Content-Type": "text/event-stream; charset=utf-8",
  "Cache-Control": "no-store",
  // Some proxies hold answers back to collect them.
  "X-Accel-Buffering": "no",
};

export function addGenerationRoutes(app: OpenAPIHono<ServerEnv>, generations: Generations, store: ResultStore): void {
  app.openAPIRegistry.register("GenerationEvent", generationEventSchema);
  app.openapi(startGeneration, async (c) => c.json(await generations.start(c.req.valid("json")), 202));
  app.openapi(listGenerations, (c) => c.json(generations.list(c.req.valid("query")), 200));
  app.openapi(getGeneration, (c) => c.json(generations.get(c.req.valid("param").id), 200));
  app.openapi(cancelGeneration, async (c) => c.json(await generations.cancel(c.req.valid("param").id), 200));
  app.openapi(deleteGeneration, async (c) => {
    await generations.delete(c.req.valid("param").id);
    return c.body(null, 204);
  });
  app.openapi(watchGeneration, (c) => {
    const { id } = c.req.valid("param");
    const lastId = Number(c.req.valid("header")["last-event-id"] ?? 0);
    if (c.req.method === "HEAD") {
      // Nobody would read the stream, nor end it.
      generations.get(id);
      return c.body(null, 200, eventHeaders);
    }
    const stream = generations.watch(id, lastId);
    // 204 tells browsers not to come back.
    return stream ? c.body(stream, 200, eventHeaders) : c.body(null, 204);
  });
  app.openapi(getArchive, (c) => {
    const { id } = c.req.valid("param");
    return c.body(zipStream(store, generations.archiveEntries(id)), 200, {
      "Content-Type": "application/zip",
      "Cache-Control": "no-store",
      "Content-Disposition": `attachment; filename="arc2face-${id.slice(0, 8)}.zip"`,
    });
  });
}
