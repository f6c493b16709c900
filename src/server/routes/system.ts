import type { OpenAPIHono } from "@hono/zod-openapi";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { getHealth, getInfo, getMetrics, getReady, type Info, signIn, signOut } from "../api/system.js";
import { sessionCookie, unauthorized } from "../guards/authentication.js";
import type { ServerEnv } from "../guards/environment.js";
import type { KeyStore } from "../keys.js";
import type { Metrics } from "../metrics.js";
import { RequestError } from "../problem.js";

export interface SystemOptions {
  readonly keys: KeyStore;
  readonly metrics: Metrics;
  readonly isKeyRequired: boolean;
  readonly about: Pick<Info, "version" | "limits">;
  /** Why requests should go elsewhere; undefined if they need not. */
  readonly unreadyReason: () => string | undefined;
}

export function addSystemRoutes(app: OpenAPIHono<ServerEnv>, options: SystemOptions): void {
  const { keys, metrics, isKeyRequired, about, unreadyReason } = options;
  app.openapi(getInfo, (c) => {
    const authentication = { isRequired: isKeyRequired, isSignedIn: c.get("keyId") !== undefined };
    return c.json({ ...about, authentication }, 200);
  });
  app.openapi(signIn, (c) => {
    const keyId = keys.verify(c.req.valid("json").key);
    if (keyId === undefined)
      throw unauthorized("the API key is wrong or was revoked; make another with `arc2face keys create`");
    const { token, maxAgeS } = keys.openSession(keyId);
    const secure = new URL(c.req.url).protocol === "https:" || c.req.header("x-forwarded-proto") === "https";
    setCookie(c, sessionCookie, token, { httpOnly: true, sameSite: "Strict", path: "/", maxAge: maxAgeS, secure });
    return c.body(null, 204);
  });
  app.openapi(signOut, (c) => {
    const token = getCookie(c, sessionCookie);
    if (token !== undefined) keys.closeSession(token);
    deleteCookie(c, sessionCookie, { path: "/" });
    return c.body(null, 204);
  });
  app.openapi(getHealth, (c) => c.json({ status: "ok" as const }, 200));
  app.openapi(getReady, (c) => {
    const reason = unreadyReason();
    if (reason !== undefined) throw new RequestError(503, "ERR_UNREADY", reason, { "Retry-After": "5" });
    return c.json({ status: "ready" as const }, 200);
  });
  app.openapi(getMetrics, async (c) =>
    c.body(await metrics.registry.metrics(), 200, { "Content-Type": metrics.registry.contentType }),
  );
}
