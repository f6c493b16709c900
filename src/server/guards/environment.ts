import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";

/** What handlers know of a request beside its content. */
export interface ServerEnv {
  // Absent where the app is called without a socket.
  Bindings: Partial<HttpBindings>;
  Variables: {
    /** Id of the API key; undefined without one. */
    keyId: string | undefined;
  };
}

/** Whom limits count for: the key, else the address. */
export function clientOf(c: Context<ServerEnv>, trustsProxy: boolean): string {
  return c.get("keyId") ?? addressOf(c, trustsProxy);
}

/** @param trustsProxy take the last address of X-Forwarded-For, which the proxy before this server has written */
export function addressOf(c: Context<ServerEnv>, trustsProxy: boolean): string {
  const forwarded = trustsProxy ? c.req.header("x-forwarded-for")?.split(",").at(-1)?.trim() : undefined;
  return forwarded ?? c.env?.incoming?.socket.remoteAddress ?? "local";
}
