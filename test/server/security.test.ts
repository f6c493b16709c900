import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { CheckpointError } from "../../src/errors.js";
import { encodePng } from "../../src/image/encode.js";
import { solidImage } from "../../src/image/image.js";
import type { Model } from "../../src/server/api/types.js";
import type { Server } from "../../src/server/server.js";
import { folderSampler } from "../../src/server/services/sampler.js";
import { fixture } from "../support/fixtures.js";
import {
  FakeAnalyser,
  fakeServer,
  finishedGeneration,
  newIdentity,
  photoForm,
  photoOf,
  postJson,
  temporaryFolder,
} from "./fake-parts.js";

const maxPixels = 1e6;
const mebibyte = 2 ** 20;

let server: Server;
beforeAll(async () => {
  server = await fakeServer({ faces: new FakeAnalyser(maxPixels), limits: { photoBytes: mebibyte } });
});

const sendPhoto = (bytes: Uint8Array, fileName?: string) =>
  server.app.request("/api/v1/faces", { method: "POST", body: photoForm(bytes, fileName) });

async function expectProblem(answer: Response, status: number, says: RegExp | string): Promise<void> {
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  const problem = (await answer.json()) as { status: number; detail: string };
  expect([answer.status, problem.status, problem.detail]).toEqual([status, status, expect.stringMatching(says)]);
}

/** All names below a folder. */
const namesIn = (folder: string) => readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();

describe("paths", () => {
  it.each([
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/assets/..%2f..%2f..%2fpackage.json",
    "/..%5c..%5cpackage.json",
    "/assets/%00.js",
    "/.env",
    "/server.db",
  ])("%s leads to no file", async (path) => {
    const answer = await server.app.request(path);
    expect(answer.status === 404 || (await answer.text()).includes("<!doctype html>")).toBe(true);
  });

  it.each(["images", "identities", "generations"])("ids of %s are no paths", async (kind) => {
    for (const id of ["..%2f..%2fserver.db", "%2e%2e%2fqueue.db", "....//", "/etc/passwd"]) {
      const answer = await server.app.request(`/api/v1/${kind}/${id}`);
      expect([400, 404]).toContain(answer.status);
    }
  });

  it("a photo's file name is not looked at", async () => {
    const dataFolder = temporaryFolder();
    const other = await fakeServer({ dataFolder });
    const form = photoForm(await photoOf(1), "../../../evil.png");
    expect((await other.app.request("/api/v1/faces", { method: "POST", body: form })).status).toBe(201);
    const pictures = namesIn(join(dataFolder, "results")).filter((name) => /\.\w+$/.test(name));
    expect(pictures).toEqual([expect.stringMatching(/^photos[/\\][0-9a-f]{32}[/\\]0\.jpg$/)]);
  });
});

describe("bodies", () => {
  it("too large: 413 by the length that is announced, and by what is sent", async () => {
    const large = new Uint8Array(2 * mebibyte);
    await expectProblem(await sendPhoto(large), 413, /larger than 1 MB/);
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
    });
    const headers = { "Content-Type": "multipart/form-data; boundary=x", "Transfer-Encoding": "chunked" };
    const endless = new Request("http://localhost/api/v1/faces", {
      ...{ method: "POST", body: stream, headers, duplex: "half" },
    });
    await expectProblem(await server.app.request(endless), 413, /larger than 1 MB/);
    const text = `{"name":"${"a".repeat(300_000)}"}`;
    const json = { method: "POST", headers: { "Content-Type": "application/json" }, body: text };
    await expectProblem(await server.app.request("/api/v1/identities", json), 413, /larger than 256 kB/);
  });

  it("malformed multipart: 400", async () => {
    for (const body of ["", "--x\r\nnonsense", "--x--\r\n"]) {
      const headers = { "Content-Type": "multipart/form-data; boundary=x" };
      const answer = await server.app.request("/api/v1/faces", { method: "POST", headers, body });
      expect(answer.status).toBe(400);
    }
    const form = new FormData();
    form.set("photo", "text, not a file");
    await expectProblem(
      await server.app.request("/api/v1/faces", { method: "POST", body: form }),
      400,
      /field "photo"/,
    );
  });

  it("deeply nested JSON is refused, and nothing of it becomes a prototype", async () => {
    const headers = { "Content-Type": "application/json" };
    for (const body of ["[".repeat(100_000), '{"__proto__":{"name":"x"},"consent":true,"embedding":[]}']) {
      const answer = await server.app.request("/api/v1/identities", { method: "POST", headers, body });
      expect(answer.status).toBe(400);
    }
    expect(({} as { name?: string }).name).toBeUndefined();
  });
});

describe("pictures", () => {
  it("a decompression bomb is refused by its header: 400", async () => {
    // 16 million pixels of one colour in some kilobytes.
    const bomb = await sharp({ create: { width: 4000, height: 4000, channels: 3, background: "red" } })
      .png({ compressionLevel: 9 })
      .toBuffer();
    expect(bomb.length).toBeLessThan(100_000);
    await expectProblem(await sendPhoto(bomb), 400, /more than the limit/);
  });

  it("what is no picture is refused: 400", async () => {
    const svg = Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="/etc/passwd"/></svg>',
    );
    const html = Buffer.from("<html><script>alert(1)</script></html>");
    for (const bytes of [svg, html, Buffer.from("GIF89a"), Buffer.alloc(0), (await photoOf(1)).slice(0, 60)]) {
      await expectProblem(await sendPhoto(bytes), 400, /photo/);
    }
  });

  it("of a polyglot, only pixels are kept", async () => {
    const dataFolder = temporaryFolder();
    const other = await fakeServer({ dataFolder });
    const polyglot = Buffer.concat([await photoOf(1), Buffer.from("PK\x03\x04<script>alert(1)</script>")]);
    const sent = await other.app.request("/api/v1/faces", { method: "POST", body: photoForm(polyglot) });
    const { id: photo } = (await sent.json()) as { id: string };
    const made = await postJson(other, "/api/v1/identities", { name: "P", consent: true, photos: [{ photo }] });
    const { portraitUrl } = (await made.json()) as { portraitUrl: string };
    const shown = await other.app.request(portraitUrl);
    expect([shown.headers.get("content-type"), shown.headers.get("x-content-type-options")]).toEqual([
      ...["image/jpeg", "nosniff"],
    ]);
    for (const name of namesIn(join(dataFolder, "results")).filter((file) => file.endsWith(".jpg"))) {
      expect(readFileSync(join(dataFolder, "results", name)).includes("<script>")).toBe(false);
    }
  });

  it("a photo without a face: 422", async () => {
    await expectProblem(await sendPhoto(await encodePng(solidImage(20, 20, [0, 0, 0]))), 422, /no face/);
  });
});

describe("headers", () => {
  it("names with line breaks are refused, so that none gets into a header", async () => {
    const name = "a\r\nSet-Cookie: x=1";
    const answer = await postJson(server, "/api/v1/identities", { name, consent: true, embedding: Array(24).fill(1) });
    await expectProblem(answer, 400, /control characters/);
  });

  it("every answer forbids framing, sniffing and other hosts", async () => {
    for (const path of ["/", "/docs", "/openapi.json", "/api/v1/info", "/api/v1/images/x", "/nothing.js"]) {
      const { headers } = await server.app.request(path);
      expect(headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("access-control-allow-origin")).toBeNull();
    }
  });

  it("the pages load nothing from elsewhere", async () => {
    for (const path of ["/", "/docs"]) {
      const page = await (await server.app.request(path)).text();
      expect(page).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
      expect(page).not.toMatch(/<script(?![^>]* src=)/);
    }
  });
});

describe("origins", () => {
  const asked = (headers: Record<string, string>, method = "GET") =>
    server.app.request("http://localhost:8470/api/v1/identities", {
      method,
      headers: { host: "localhost:8470", ...headers },
    });

  it("another host name, as after DNS rebinding: 403", async () => {
    for (const host of ["evil.example", "evil.example:8470", "127.0.0.1.evil.example", "localhost.evil.example"]) {
      await expectProblem(await asked({ host }), 403, /host name/);
    }
    for (const host of ["localhost", "127.0.0.1:1", "[::1]:8470", "LOCALHOST:8470"]) {
      expect((await asked({ host })).status).toBe(200);
    }
  });

  it("pages of other sites: 403, whatever they send", async () => {
    for (const headers of [
      { origin: "https://evil.example" },
      { origin: "null" },
      { origin: "http://localhost:3000" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
    ] as Record<string, string>[]) {
      await expectProblem(await asked(headers), 403, /other sites/);
      expect((await asked(headers, "POST")).status).toBe(403);
    }
    expect((await asked({ origin: "http://localhost:8470", "sec-fetch-site": "same-origin" })).status).toBe(200);
  });

  it("a page that --cors names may use the API, and no other", async () => {
    const friend = "https://studio.example.org";
    const open = await fakeServer({ cors: [friend] });
    const preflight = (origin: string) =>
      open.app.request("/api/v1/identities", {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "POST" },
      });
    expect((await preflight(friend)).headers.get("access-control-allow-origin")).toBe(friend);
    expect((await preflight("https://evil.example")).headers.get("access-control-allow-origin")).toBeNull();
    const answer = await open.app.request("/api/v1/identities", { headers: { origin: friend } });
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, friend]);
    expect((await open.app.request("/api/v1/identities", { headers: { origin: `${friend}.evil` } })).status).toBe(403);
  });

  it("an origin that is none is refused at the start", async () => {
    await expect(fakeServer({ cors: ["https://example.org/path"] })).rejects.toThrow(/is no origin/);
  });
});

describe("keys", () => {
  let guarded: Server;
  beforeAll(async () => {
    guarded = await fakeServer({ requiresKey: true, limits: { wrongKeys: { burst: 1000, perSecond: 1 } } });
  });
  const ask = (headers: Record<string, string> = {}, path = "/api/v1/identities") =>
    guarded.app.request(path, { headers });

  it("missing, wrong, malformed and revoked ones: 401", async () => {
    const { id, secret } = guarded.keys.create("test");
    const wrong = secret.slice(0, -1) + (secret.endsWith("A") ? "B" : "A");
    for (const authorization of [
      ...["", "Bearer", `Bearer ${wrong}`, `Basic ${secret}`, `Bearer ${secret} x`, "Bearer ' OR 1=1", secret],
    ]) {
      const answer = await ask(authorization === "" ? {} : { authorization });
      expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer/);
      await expectProblem(answer, 401, /key/);
    }
    expect((await ask({ authorization: `Bearer ${secret}` })).status).toBe(200);
    guarded.keys.revoke(id);
    await expectProblem(await ask({ authorization: `Bearer ${secret}` }), 401, /revoked/);
  });

  it("are needed for all that shows or does anything", async () => {
    for (const path of ["/api/v1/generations", "/api/v1/models", "/api/v1/samplers", "/metrics", "/api/v1/nothing"]) {
      expect((await ask({}, path)).status, path).toBe(401);
    }
    for (const path of ["/", "/health", "/ready", "/docs", "/openapi.json", "/api/v1/info"]) {
      expect((await ask({}, path)).status, path).toBe(200);
    }
  });

  it("off the loopback they are always needed, and any host name will do", async () => {
    const open = await fakeServer({ host: "0.0.0.0" });
    expect(open.isKeyRequired).toBe(true);
    const answer = await open.app.request("/api/v1/identities", { headers: { host: "gpu.example.org" } });
    expect(answer.status).toBe(401);
  });

  it("are exchanged for a cookie that pages cannot read, and that ends with the key", async () => {
    const { id, secret } = guarded.keys.create("browser");
    const signedIn = await postJson(guarded, "/api/v1/session", { key: secret });
    const set = signedIn.headers.get("set-cookie")!;
    expect([signedIn.status, set]).toEqual([204, expect.stringMatching(/HttpOnly/)]);
    expect(set).toMatch(/SameSite=Strict/);
    const cookie = set.split(";")[0]!;
    expect(cookie).not.toContain(secret);
    expect((await ask({ cookie })).status).toBe(200);
    const info = await (await ask({ cookie }, "/api/v1/info")).json();
    expect(info).toMatchObject({ authentication: { isRequired: true, isSignedIn: true } });
    guarded.keys.revoke(id);
    expect((await ask({ cookie })).status).toBe(401);
    expect((await postJson(guarded, "/api/v1/session", { key: secret })).status).toBe(401);
  });

  it("are not in the database, nor are cookies", async () => {
    const dataFolder = temporaryFolder();
    const other = await fakeServer({ dataFolder, requiresKey: true });
    const { secret } = other.keys.create("test");
    const { token } = other.keys.openSession(other.keys.verify(secret)!);
    for (const file of namesIn(dataFolder).filter((name) => name.includes(".db"))) {
      const bytes = readFileSync(join(dataFolder, file));
      for (const text of [secret, secret.slice(-43), token]) expect(bytes.includes(text)).toBe(false);
    }
  });

  it("too many wrong ones from an address: 429, also for the right one", async () => {
    const strict = await fakeServer({ requiresKey: true, limits: { wrongKeys: { burst: 3, perSecond: 0.01 } } });
    const { secret } = strict.keys.create("test");
    for (let i = 0; i < 3; i++) {
      expect((await postJson(strict, "/api/v1/session", { key: `wrong ${i}` })).status).toBe(401);
    }
    const answer = await postJson(strict, "/api/v1/session", { key: secret });
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(10);
    await expectProblem(answer, 429, /wrong keys/);
  });
});

describe("limits", () => {
  it("too many requests: 429 with Retry-After", async () => {
    const strict = await fakeServer({ limits: { requests: { burst: 2, perSecond: 0.5 } } });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await strict.app.request("/api/v1/samplers")).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect((await strict.app.request("/api/v1/samplers")).headers.get("retry-after")).toBe("2");
    expect((await strict.app.request("/health")).status).toBe(200);
  });

  it("a full queue: 429 with Retry-After, and nothing of the refused is left", async () => {
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const full = await fakeServer({ gate: () => opened, maxQueued: 2 });
    const identity = await newIdentity(full);
    const start = () => postJson(full, "/api/v1/generations", { identity, count: 1, steps: 1 });
    // One runs, two wait.
    for (let i = 0; i < 3; i++) expect((await start()).status).toBe(202);
    const refused = await start();
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    await expectProblem(refused, 429, /try again/);
    const list = (await (await full.app.request("/api/v1/generations")).json()) as { items: unknown[] };
    expect(list.items).toHaveLength(3);
    open();
  });

  it("more images or steps than the server makes: 400", async () => {
    const identity = await newIdentity(server);
    const start = (more: object) => postJson(server, "/api/v1/generations", { identity, ...more });
    await expectProblem(await start({ count: 17 }), 400, /at most 16/);
    await expectProblem(await start({ steps: 101 }), 400, /at most 100/);
  });
});

it("deleting an identity deletes its photos, embeddings, images and files", async () => {
  const dataFolder = temporaryFolder();
  const other = await fakeServer({ dataFolder });
  const sent = await other.app.request("/api/v1/faces", { method: "POST", body: photoForm(await photoOf(1)) });
  const { id: photo } = (await sent.json()) as { id: string };
  const made = await postJson(other, "/api/v1/identities", { name: "Gone", consent: true, photos: [{ photo }] });
  const { id } = (await made.json()) as { id: string };
  const generation = await finishedGeneration(other, id);
  const { images } = (await (await other.app.request(`/api/v1/generations/${generation}`)).json()) as {
    images: { url: string }[];
  };
  const databases = () => {
    const names = ["server.db", "queue.db"].flatMap((name) => [name, `${name}-wal`]);
    return Buffer.concat(names.map((name) => readFileSync(join(dataFolder, name))));
  };
  const traces = () => ["Gone", '"faceEmbeddings":'].map((text) => databases().includes(text));
  expect(traces()).toEqual([true, true]);
  const files = () => namesIn(join(dataFolder, "results")).filter((name) => /\.\w+$/.test(name));
  expect(files()).toHaveLength(4);
  expect((await other.app.request(`/api/v1/identities/${id}`, { method: "DELETE" })).status).toBe(204);
  expect(files()).toEqual([]);
  for (const url of [images[0]!.url, `/api/v1/generations/${generation}`, `/api/v1/identities/${id}/photo`]) {
    expect((await other.app.request(url)).status).toBe(404);
  }
  // Not in free pages of the tables, nor in the write-ahead logs.
  expect(traces()).toEqual([false, false]);
});

describe("folders of the server are named in its log only", () => {
  const listen = () => {
    const lines: string[] = [];
    return { lines, log: (_: string, error: unknown) => void lines.push((error as Error).message) };
  };

  it("by models that cannot be loaded", async () => {
    const { lines, log } = listen();
    const source = join(temporaryFolder(), "missing");
    const other = await fakeServer({ models: [{ name: "lost", source }], log });
    await other.app.request("/api/v1/models/lost/load", { method: "POST" });
    const model = async () => {
      const { items } = (await (await other.app.request("/api/v1/models")).json()) as { items: Model[] };
      return items[0]!;
    };
    await vi.waitUntil(async () => (await model()).state === "failed");
    expect((await model()).error).toMatch(/no folder missing/);
    expect(lines).toEqual([expect.stringContaining(`no folder ${source}`)]);
  });

  it("by generations that fail", async () => {
    const { lines, log } = listen();
    const message = "/srv/models/tiny/unet.safetensors: damaged; pull it again";
    const gate = () => Promise.reject(new CheckpointError(message));
    const other = await fakeServer({ gate, log });
    const generation = await finishedGeneration(other, await newIdentity(other));
    const answer = await other.app.request(`/api/v1/generations/${generation}`);
    expect(await answer.json()).toMatchObject({
      status: "failed",
      error: { code: "ERR_CHECKPOINT", detail: "unet.safetensors: damaged; pull it again" },
    });
    expect(lines).toEqual([message]);
  });

  it("by a model that cannot draw new people: 409", async () => {
    const other = await fakeServer({ sampler: folderSampler(async () => fixture("tiny")) });
    const answer = await postJson(other, "/api/v1/identities/sample", { count: 1 });
    const { detail } = (await answer.json()) as { detail: string };
    expect([answer.status, detail]).toEqual([409, "the model of this server cannot draw new people; give a photo"]);
  });
});
