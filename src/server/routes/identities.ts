import type { OpenAPIHono } from "@hono/zod-openapi";
import {
  createIdentity,
  deleteIdentity,
  getIdentity,
  getIdentityPhoto,
  listIdentities,
  renameIdentity,
  sampleIdentities,
} from "../api/identities.js";
import { respondBytes } from "../bytes.js";
import type { ServerEnv } from "../guards/environment.js";
import { wrongMethod } from "../problem.js";
import type { Identities } from "../services/identities.js";

export function addIdentityRoutes(app: OpenAPIHono<ServerEnv>, identities: Identities): void {
  app.openapi(createIdentity, async (c) => c.json(await identities.create(c.req.valid("json")), 201));
  app.openapi(sampleIdentities, async (c) => c.json(await identities.sample(c.req.valid("json")), 201));
  // Other methods would take the word for an identity's id.
  app.all(sampleIdentities.path, () => {
    throw wrongMethod(["POST"]);
  });
  app.openapi(listIdentities, (c) => c.json(identities.list(c.req.valid("query")), 200));
  app.openapi(getIdentity, (c) => c.json(identities.get(c.req.valid("param").id), 200));
  app.openapi(renameIdentity, (c) => c.json(identities.rename(c.req.valid("param").id, c.req.valid("json").name), 200));
  app.openapi(deleteIdentity, async (c) => {
    await identities.delete(c.req.valid("param").id);
    return c.body(null, 204);
  });
  app.openapi(getIdentityPhoto, async (c) => {
    const photo = await identities.portrait(c.req.valid("param").id);
    return respondBytes(c, photo, "image/jpeg");
  });
}
