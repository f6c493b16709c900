import type { OpenAPIHono } from "@hono/zod-openapi";
import { listModels, listSamplers, loadModel, unloadModel } from "../api/models.js";
import type { ServerEnv } from "../guards/environment.js";
import type { ModelShelf } from "../models.js";
import { samplerList } from "../samplers.js";

export function addModelRoutes(app: OpenAPIHono<ServerEnv>, models: ModelShelf): void {
  app.openapi(listModels, async (c) => c.json({ items: await models.list() }, 200));
  app.openapi(loadModel, async (c) => {
    const { name } = c.req.valid("param");
    models.startLoading(name);
    return c.json(await models.get(name), 202);
  });
  app.openapi(unloadModel, async (c) => {
    const { name } = c.req.valid("param");
    await models.unload(name);
    return c.json(await models.get(name), 200);
  });
  app.openapi(listSamplers, (c) => c.json({ items: [...samplerList] }, 200));
}
