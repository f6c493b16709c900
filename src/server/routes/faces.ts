import type { OpenAPIHono } from "@hono/zod-openapi";
import { findFaces, photoField } from "../api/faces.js";
import type { ServerEnv } from "../guards/environment.js";
import type { Limits } from "../options.js";
import { RequestError } from "../problem.js";
import type { Identities } from "../services/identities.js";

export function addFaceRoutes(app: OpenAPIHono<ServerEnv>, identities: Identities, { photoBytes }: Limits): void {
  app.openapi(findFaces, async (c) => {
    const file = c.req.valid("form")[photoField] as unknown;
    if (!(file instanceof File)) {
      throw new RequestError(
        400,
        "ERR_INPUT",
        `send one picture file as the field "${photoField}" of a multipart form`,
      );
    }
    if (file.size > photoBytes) {
      const most = Math.floor(photoBytes / 2 ** 20);
      throw new RequestError(413, "ERR_TOO_LARGE", `the photo is larger than ${most} MB; send a smaller one`);
    }
    return c.json(await identities.findFaces(new Uint8Array(await file.arrayBuffer())), 201);
  });
}
