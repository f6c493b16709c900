import { afterEach, expect, it, vi } from "vitest";
import { client } from "./client.js";
import { ApiError } from "./problem.js";

afterEach(() => vi.unstubAllGlobals());

/** Answers each request in turn, and notes them. */
function answer(...responses: (Response | Error)[]) {
  const fetch = vi.fn(async (_url: string, _init: RequestInit) => {
    const response = responses.shift();
    if (!response || response instanceof Error) throw response ?? new Error("one request too many");
    return response;
  });
  vi.stubGlobal("fetch", fetch);
  return fetch;
}

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: ApiError) => error,
  );

it("sends JSON and reads JSON", async () => {
  const fetch = answer(Response.json({ id: "1", name: "Ben" }));
  expect(await client.renameIdentity("1", "Ben")).toEqual({ id: "1", name: "Ben" });
  const [url, init] = fetch.mock.calls[0]!;
  expect(url).toBe("/api/v1/identities/1");
  expect(init).toMatchObject({
    method: "PATCH",
    body: '{"name":"Ben"}',
    headers: { "content-type": "application/json" },
  });
});

it("sends a photo as a form, whose boundary the browser writes", async () => {
  const fetch = answer(Response.json({ id: "1", faces: [] }, { status: 201 }));
  await client.findFaces(new Blob(["jpeg"]));
  const init = fetch.mock.calls[0]![1];
  expect(init.headers).toEqual({});
  expect((init.body as FormData).get("photo")).toBeInstanceOf(Blob);
});

it("reads nothing of an empty answer", async () => {
  answer(new Response(null, { status: 204 }));
  expect(await client.deleteIdentity("1")).toBeUndefined();
});

it("reads every page of the faces", async () => {
  const fetch = answer(Response.json({ items: [3, 2], next: "2" }), Response.json({ items: [1], next: null }));
  expect(await client.identities()).toEqual([3, 2, 1]);
  const urls = fetch.mock.calls.map(([url]) => url);
  expect(urls).toEqual(["/api/v1/identities?limit=100", "/api/v1/identities?limit=100&cursor=2"]);
});

it("passes on what the server says, as a sentence, and how long to wait", async () => {
  const problem = { code: "ERR_TOO_MANY", detail: "the queue is full" };
  const headers = { "content-type": "application/problem+json", "retry-after": "5" };
  answer(new Response(JSON.stringify(problem), { status: 429, headers }));
  const error = await failureOf(client.models());
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 429, code: "ERR_TOO_MANY", retryAfterS: 5 });
  expect(error?.message).toBe("The queue is full. Try again in 5 seconds.");
});

it("has words of its own for an answer without any", async () => {
  answer(new Response("<html>", { status: 502 }));
  expect((await failureOf(client.models()))?.message).toBe(
    "The server met an error (502). Its log says more; try again.",
  );
});

it("says what to do when there is no server", async () => {
  answer(new TypeError("Failed to fetch"));
  const error = await failureOf(client.models());
  expect(error).toMatchObject({ status: 0, code: "ERR_UNREACHABLE" });
  expect(error?.message).toContain("arc2face serve");
});

it("lets an abort through as it is", async () => {
  const abort = new DOMException("", "AbortError");
  answer(abort);
  expect(await failureOf(client.models(AbortSignal.abort()))).toBe(abort);
});
