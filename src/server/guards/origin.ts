import { createMiddleware } from "hono/factory";
import { RequestError } from "../problem.js";

/** Names under which a server on the loopback may be asked for, whatever the port. */
const loopbackNames: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

export interface OriginOptions {
  /** Host names that requests may name, without port; undefined: any. */
  readonly hosts: readonly string[] | undefined;
  /** Origins, as `https://example.org`, whose pages may use the API. */
  readonly cors: readonly string[];
}

/**
 * Host names to accept. On the loopback only its own: a page of another site whose name was made to point here (DNS
 * rebinding) would otherwise be of the same origin. Where a key is needed, such a page has none, and any name will do.
 */
export function acceptedHosts(isLoopback: boolean, extra: readonly string[]): readonly string[] | undefined {
  if (isLoopback) return [...loopbackNames, ...extra];
  return extra.length > 0 ? extra : undefined;
}

/** Refuses requests under a foreign host name. */
export function checkHost({ hosts }: OriginOptions) {
  return createMiddleware(async (c, next) => {
    const host = c.req.header("host") ?? new URL(c.req.url).host;
    const name = host.replace(/:\d+$/, "").toLowerCase();
    if (hosts !== undefined && !hosts.includes(name)) {
      throw new RequestError(
        403,
        "ERR_HOST",
        "the server is not known under this host name; start it with --allow-host NAME to use another one",
      );
    }
    await next();
  });
}

/**
 * Refuses requests that pages of other sites make browsers send. Browsers say where a request comes from in
 * `Sec-Fetch-Site`, and in `Origin` wherever it could do harm; programs send neither.
 */
export function checkOrigin({ cors }: OriginOptions) {
  return createMiddleware(async (c, next) => {
    const origin = c.req.header("origin");
    const host = c.req.header("host") ?? new URL(c.req.url).host;
    const isForeign =
      origin === undefined
        ? ["cross-site", "same-site"].includes(c.req.header("sec-fetch-site") ?? "")
        : !cors.includes(origin) && hostOf(origin) !== host.toLowerCase();
    if (isForeign) {
      throw new RequestError(
        403,
        "ERR_ORIGIN",
        "pages of other sites may not use this server; start it with --cors ORIGIN to allow one",
      );
    }
    await next();
  });
}

/** Host with port; undefined for `null` and what is no URL. A proxy may have taken TLS off, so the scheme is not compared. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
