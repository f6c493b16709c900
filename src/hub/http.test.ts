import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { close, json, listen, origin } from "../../test/hub/fake-hub.js";
import type { TransientError } from "./retry.js";

const settings = { cacheFolder: "/unused", endpoint: "http://hub.invalid", token: "secret", offline: false };

let target: Server;
let proxy: Server;
let asked: string[];

beforeEach(async () => {
  vi.resetModules();
  target = createServer((request, response) => json(response, { host: request.headers.host, ...request.headers }));
  asked = [];
  // Every name leads to the one server, as only a proxy can do for a name that does not exist.
  proxy = createServer().on("connect", (request, client) => {
    asked.push(request.url ?? "");
    const server = connect(Number(new URL(origin(target)).port), "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      client.pipe(server).pipe(client);
    });
    client.on("error", () => server.destroy());
    server.on("error", () => client.destroy());
  });
  await Promise.all([listen(target), listen(proxy)]);
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "https_proxy", "no_proxy"]) vi.stubEnv(name, undefined);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all([close(target), close(proxy)]);
});

/** The function of a fresh module: connections are made once for a process, from the environment it started with. */
async function freshFetch(): Promise<typeof fetch> {
  return (await import("./http.js")).hubFetch(settings, undefined);
}

test("http_proxy is used, and NO_PROXY exempts from it", async () => {
  vi.stubEnv("http_proxy", origin(proxy));
  vi.stubEnv("NO_PROXY", "127.0.0.1");
  const fetch = await freshFetch();
  expect(await (await fetch("http://hub.invalid/x")).json()).toMatchObject({ host: "hub.invalid" });
  expect(asked).toEqual(["hub.invalid:80"]);
  expect((await fetch(origin(target))).status).toBe(200);
  expect(asked).toHaveLength(1);
});

test("the token goes to the endpoint's origin alone", async () => {
  vi.stubEnv("http_proxy", origin(proxy));
  const fetch = await freshFetch();
  const authorization = async (url: string) =>
    ((await (await fetch(url)).json()) as Record<string, string>).authorization;
  expect(await authorization("http://hub.invalid/x")).toBe("Bearer secret");
  expect(await authorization("http://hub.invalid.example/x")).toBeUndefined();
  expect(await authorization("http://hub.invalid:8080/x")).toBeUndefined();
});

test("a date in Retry-After is a wish in milliseconds", async () => {
  target.removeAllListeners("request").on("request", (_request, response) => {
    response.writeHead(429, { "retry-after": new Date(Date.now() + 30_000).toUTCString() }).end();
  });
  const fetch = await freshFetch();
  const failure = (await fetch(origin(target)).catch((error: unknown) => error)) as TransientError;
  expect(failure.message).toMatch(/answers 429$/);
  expect(failure.retryAfterMs).toBeGreaterThan(25_000);
  expect(failure.retryAfterMs).toBeLessThanOrEqual(30_000);
});
