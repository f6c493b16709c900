import { bodyLimit } from "hono/body-limit";
import { createMiddleware } from "hono/factory";
import type { Limits } from "../options.js";
import { RequestError, tooMany } from "../problem.js";
import { RateLimiter } from "../rate-limit.js";
import { addressOf, clientOf, type ServerEnv } from "./environment.js";

/** Bytes that a multipart body has beside its file. */
const multipartOverhead = 16 * 1024;

/** Refuses bodies that are too large, before they are read. */
export function limitBody({ photoBytes, jsonBytes }: Limits) {
  const refuse = (maxBytes: number) => () => {
    const most = maxBytes >= 2 ** 20 ? `${Math.floor(maxBytes / 2 ** 20)} MB` : `${Math.floor(maxBytes / 1024)} kB`;
    throw new RequestError(413, "ERR_TOO_LARGE", `the request is larger than ${most}; send less, or a smaller photo`);
  };
  const photo = bodyLimit({ maxSize: photoBytes + multipartOverhead, onError: refuse(photoBytes) });
  const json = bodyLimit({ maxSize: jsonBytes, onError: refuse(jsonBytes) });
  return createMiddleware((c, next) => (c.req.path === "/api/v1/faces" ? photo(c, next) : json(c, next)));
}

/** Refuses clients that ask too often. */
export function limitRate({ requests }: Limits, trustsProxy: boolean) {
  const limiter = new RateLimiter(requests);
  return createMiddleware<ServerEnv>(async (c, next) => {
    const waitS = limiter.take(clientOf(c, trustsProxy));
    if (waitS > 0) throw tooMany("too many requests; slow down", waitS);
    await next();
  });
}

/** Refuses addresses that have sent many wrong keys. Comes before keys are looked at. */
export function limitWrongKeys({ wrongKeys }: Limits, trustsProxy: boolean) {
  const limiter = new RateLimiter(wrongKeys);
  return createMiddleware<ServerEnv>(async (c, next) => {
    const address = addressOf(c, trustsProxy);
    const waitS = limiter.wait(address);
    if (waitS > 0) throw tooMany("too many wrong keys came from this address", waitS);
    await next();
    const gaveKey = c.req.header("authorization") !== undefined || c.req.path === "/api/v1/session";
    if (c.res.status === 401 && gaveKey) limiter.take(address);
  });
}
