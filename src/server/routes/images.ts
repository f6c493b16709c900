import type { OpenAPIHono } from "@hono/zod-openapi";
import type { ResultStore } from "../../jobs/store.js";
import { getImage, getImageMetadata } from "../api/images.js";
import { respondStored } from "../bytes.js";
import type { ServerEnv } from "../guards/environment.js";
import { notFound } from "../problem.js";
import type { ImageTable, StoredImage } from "../store/images.js";

export function addImageRoutes(app: OpenAPIHono<ServerEnv>, images: ImageTable, store: ResultStore): void {
  const need = (id: string): StoredImage => {
    const found = images.get(id);
    if (!found) throw notFound("image");
    return found;
  };
  app.openapi(getImage, (c) => {
    const { storeKey, metadata } = need(c.req.valid("param").id);
    const downloadName = c.req.valid("query").download === "1" ? `arc2face-${metadata.seed}.png` : undefined;
    return respondStored(c, store, { ...metadata, storeKey, contentType: "image/png", downloadName });
  });
  app.openapi(getImageMetadata, (c) => c.json(need(c.req.valid("param").id).metadata, 200));
}
