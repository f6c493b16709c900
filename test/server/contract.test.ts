import { beforeAll, describe, expect, it } from "vitest";
import type { Server } from "../../src/server/server.js";
import { embeddingOf, fakeServer, finishedGeneration, newIdentity, photoForm, photoOf } from "./fake-parts.js";
import { type JsonSchema, OpenApi, type Operation, wrongValues } from "./openapi.js";

const noSuchId = "0123456789abcdef".repeat(2);

let server: Server;
let api: OpenApi;
/** What can be named in requests. */
let ids: { identity: string; portrait: string; photo: string; generation: string; image: string };

beforeAll(async () => {
  server = await fakeServer({ limits: { requests: { burst: 1e6, perSecond: 1e6 } } });
  api = await OpenApi.of(server);
  const sent = await server.app.request("/api/v1/faces", { method: "POST", body: photoForm(await photoOf(2)) });
  const photo = ((await sent.json()) as { id: string }).id;
  const made = await send("POST /api/v1/identities", { body: { name: "Grace", consent: true, photos: [{ photo }] } });
  const portrait = ((await made.json()) as { id: string }).id;
  const identity = await newIdentity(server);
  const generation = await finishedGeneration(server, identity);
  const shown = (await (await server.app.request(`/api/v1/generations/${generation}`)).json()) as {
    images: { id: string }[];
  };
  ids = { identity, portrait, photo, generation, image: shown.images[0]!.id };
});

interface Example {
  readonly status: number;
  readonly id?: string;
  readonly body?: unknown;
}

/** A valid request for each operation, and its status; the order is that of the document, deletions last. */
function examples(): Record<string, Example> {
  const { identity, portrait, photo, generation, image } = ids;
  return {
    "GET /api/v1/info": { status: 200 },
    "DELETE /api/v1/session": { status: 204 },
    "POST /api/v1/session": { status: 204, body: { key: server.keys.create("contract").secret } },
    "GET /health": { status: 200 },
    "GET /ready": { status: 200 },
    "GET /metrics": { status: 200 },
    "POST /api/v1/faces": { status: 201 },
    "POST /api/v1/identities": { status: 201, body: { name: "Two", consent: true, photos: [{ photo, face: 1 }] } },
    "POST /api/v1/identities/sample": { status: 201, body: { count: 2, seed: 3, name: "Nobody" } },
    "GET /api/v1/identities": { status: 200 },
    "GET /api/v1/identities/{id}": { status: 200, id: identity },
    "PATCH /api/v1/identities/{id}": { status: 200, id: identity, body: { name: "Ada L." } },
    "GET /api/v1/identities/{id}/photo": { status: 200, id: portrait },
    "POST /api/v1/generations": { status: 202, body: { identity, count: 1, steps: 1, guidance: 1, sampler: "ddim" } },
    "GET /api/v1/generations": { status: 200 },
    "GET /api/v1/generations/{id}": { status: 200, id: generation },
    "POST /api/v1/generations/{id}/cancel": { status: 200, id: generation },
    "GET /api/v1/generations/{id}/events": { status: 200, id: generation },
    "GET /api/v1/generations/{id}/archive": { status: 200, id: generation },
    "GET /api/v1/images/{id}": { status: 200, id: image },
    "GET /api/v1/images/{id}/metadata": { status: 200, id: image },
    "GET /api/v1/models": { status: 200 },
    "POST /api/v1/models/{name}/unload": { status: 200, id: "tiny" },
    "POST /api/v1/models/{name}/load": { status: 202, id: "tiny" },
    "GET /api/v1/samplers": { status: 200 },
    "DELETE /api/v1/generations/{id}": { status: 204, id: generation },
    "DELETE /api/v1/identities/{id}": { status: 204, id: identity },
  };
}

const nameOf = ({ method, path }: Operation) => `${method} ${path}`;

async function send(name: string, { id = "", body, query = "" }: Omit<Example, "status"> & { query?: string }) {
  const [method, path] = name.split(" ") as [string, string];
  const url = path.replace(/\{\w+\}/, encodeURIComponent(id)) + query;
  if (path === "/api/v1/faces") {
    return server.app.request(url, { method, body: photoForm(await photoOf(2)) });
  }
  const headers = body === undefined ? undefined : { "Content-Type": "application/json" };
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return server.app.request(url, { method, ...(headers && { headers, body: text }) });
}

/** Bodies that an operation must refuse, told from its schema. */
function wrongBodies(schema: JsonSchema, example: Record<string, unknown>): unknown[] {
  const variant = schema.anyOf?.find(({ properties = {} }) => Object.keys(example).every((key) => key in properties));
  const { properties = {}, required = [], additionalProperties } = variant ?? schema;
  const without = required.map((key) => Object.fromEntries(Object.entries(example).filter(([name]) => name !== key)));
  const mistaken = Object.entries(properties).flatMap(([key, property]) =>
    wrongValues(property).map((value) => ({ ...example, [key]: value })),
  );
  const extra = additionalProperties === false ? [{ ...example, extra: 1 }] : [];
  return ["", "{", "null", "[]", '"x"', ...without, ...mistaken, ...extra];
}

it("has an example for every operation of the document", () => {
  expect(api.operations.map(nameOf).sort()).toEqual(Object.keys(examples()).sort());
});

describe("refuses what the document does not allow, with a problem that is documented", () => {
  it("bodies", async () => {
    const operations = api.operations.filter(({ body }) => body?.["application/json"]);
    expect(operations.length).toBeGreaterThan(4);
    for (const operation of operations) {
      const { id, body: example } = examples()[nameOf(operation)]!;
      const schema = api.inline(operation.body!["application/json"]!.schema!);
      for (const body of wrongBodies(schema, example as Record<string, unknown>)) {
        const answer = await send(nameOf(operation), { id, body });
        const what = `${nameOf(operation)} with ${JSON.stringify(body)}`;
        expect(answer.status, what).toBe(400);
        expect(await api.complaint(operation, answer), what).toBeUndefined();
      }
      const text = await server.app.request(operation.path.replace(/\{\w+\}/, id ?? ""), {
        method: operation.method,
        headers: { "Content-Type": "text/plain" },
        body: JSON.stringify(example),
      });
      expect(text.status, nameOf(operation)).toBe(415);
      expect(await api.complaint(operation, text)).toBeUndefined();
    }
  });

  it("names and ids in paths, also those that nothing has", async () => {
    for (const operation of api.operations.filter(({ path }) => path.includes("{"))) {
      const { body } = examples()[nameOf(operation)]!;
      for (const wrong of ["../../etc/passwd", "x".repeat(300), "ÿ", "A B", "%00"]) {
        const answer = await send(nameOf(operation), { id: wrong, body });
        expect(answer.status, `${nameOf(operation)} ${wrong}`).toBe(400);
        expect(await api.complaint(operation, answer)).toBeUndefined();
      }
      const absent = await send(nameOf(operation), { id: noSuchId, body });
      expect(absent.status, nameOf(operation)).toBe(404);
      expect(await api.complaint(operation, absent)).toBeUndefined();
    }
  });

  it("parameters in queries", async () => {
    const parameters = api.operations.flatMap((operation) =>
      operation.parameters.filter((one) => one.in === "query").map((one) => ({ operation, ...one })),
    );
    expect(parameters.length).toBeGreaterThan(5);
    for (const { operation, name, schema } of parameters) {
      const { id } = examples()[nameOf(operation)]!;
      for (const wrong of wrongValues(schema)) {
        const query = `?${name}=${encodeURIComponent(String(wrong))}`;
        const answer = await send(nameOf(operation), { id, query });
        expect(answer.status, `${nameOf(operation)}${query}`).toBe(400);
        expect(await api.complaint(operation, answer)).toBeUndefined();
      }
    }
  });

  it("addresses that are not there, and methods that an address does not have", async () => {
    expect((await server.app.request("/api/v1/nothing")).status).toBe(404);
    const wrongMethod = await server.app.request("/api/v1/samplers", { method: "PUT" });
    expect([wrongMethod.status, wrongMethod.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect(wrongMethod.headers.get("content-type")).toBe("application/problem+json");
  });

  it("methods of an address that would also be an id", async () => {
    for (const method of ["GET", "PATCH", "DELETE", "OPTIONS", "PUT"]) {
      const answer = await server.app.request("/api/v1/identities/sample", { method });
      expect([answer.status, answer.headers.get("allow")], method).toEqual([405, "POST"]);
    }
  });
});

it("answers valid requests as the document says", async () => {
  for (const [name, { status, ...example }] of Object.entries(examples())) {
    const operation = api.operations.find((one) => nameOf(one) === name)!;
    const answer = await send(name, example);
    expect(answer.status, `${name}: ${answer.status === status ? "" : await answer.clone().text()}`).toBe(status);
    expect(await api.complaint(operation, answer), name).toBeUndefined();
  }
});

it("makes an identity of several photos, and says which seemed to show someone else", async () => {
  const sent = await server.app.request("/api/v1/faces", { method: "POST", body: photoForm(await photoOf(3)) });
  const { id: photo } = (await sent.json()) as { id: string };
  // Face 2's embedding has little to do with face 0's.
  const body = { name: "Mean", consent: true, photos: [0, 0, 2].map((face) => ({ photo, face })) };
  const made = await (await send("POST /api/v1/identities", { body })).json();
  expect(made).toMatchObject({ kind: "photos", photoCount: 3, outlierCount: 1, quality: { score: 1 } });
});

it("takes embeddings in any scale, and refuses what has no direction", async () => {
  const statusOf = async (first: number) => {
    const embedding = [first, ...Array(7).fill(0)];
    return (await send("POST /api/v1/identities", { body: { name: "X", consent: true, embedding } })).status;
  };
  for (const good of [1e-5, -1e-5, 1e30, -1e30]) expect(await statusOf(good), `${good}`).toBe(201);
  for (const tooLarge of [1e31, -1e31]) expect(await statusOf(tooLarge), `${tooLarge}`).toBe(400);
  expect(await statusOf(0)).toBe(422);
});

it("refuses embeddings that the model cannot use with 422", async () => {
  const make = async (embedding: number[], recogniser?: string) => {
    const answer = await send("POST /api/v1/identities", { body: { name: "X", consent: true, embedding, recogniser } });
    const { id } = (await answer.json()) as { id: string };
    return send("POST /api/v1/generations", { body: { identity: id } });
  };
  expect((await make([...embeddingOf(0)])).status).toBe(202);
  expect((await make(Array(23).fill(1))).status).toBe(422);
  expect((await make([...embeddingOf(0)], "0".repeat(64))).status).toBe(422);
});
