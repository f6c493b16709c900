import type { Context } from "hono";
import { getCookie } from "hono/cookie";
import { createMiddleware } from "hono/factory";
import type { KeyStore } from "../keys.js";
import { RequestError } from "../problem.js";
import type { ServerEnv } from "./environment.js";

export const sessionCookie = "arc2face_session";

/** What can be had without a key: what shows the studio, lets one sign in, and tells an orchestrator that all is well. */
const openPaths: ReadonlySet<string> = new Set([
  "/health",
  "/ready",
  "/openapi.json",
  "/docs",
  "/docs.css",
  "/api/v1/info",
  "/api/v1/session",
]);

/** Demands a key where one is needed. A key that is given must be good in any case. */
export function authenticate(keys: KeyStore, isRequired: boolean) {
  return createMiddleware<ServerEnv>(async (c, next) => {
    const keyId = identify(c, keys);
    c.set("keyId", keyId);
    if (isRequired && keyId === undefined && !isOpen(c)) {
      throw unauthorized(
        "an API key is needed: send it as `Authorization: Bearer KEY`; `arc2face keys create` makes one",
      );
    }
    await next();
  });
}

function identify(c: Context, keys: KeyStore): string | undefined {
  const header = c.req.header("authorization");
  if (header === undefined) {
    const token = getCookie(c, sessionCookie);
    return token === undefined ? undefined : keys.verifySession(token);
  }
  const [, secret] = /^Bearer ([\x21-\x7e]{1,200})$/i.exec(header) ?? [];
  const keyId = secret === undefined ? undefined : keys.verify(secret);
  if (keyId === undefined)
    throw unauthorized("the API key is wrong or was revoked; make another with `arc2face keys create`");
  return keyId;
}

/** The studio's files are open, too: they hold nothing of anyone. */
function isOpen(c: Context): boolean {
  const { path } = c.req;
  return openPaths.has(path) || !(path.startsWith("/api/") || path === "/metrics");
}

export function unauthorized(message: string): RequestError {
  return new RequestError(401, "ERR_KEY", message, { "WWW-Authenticate": 'Bearer realm="arc2face"' });
}
