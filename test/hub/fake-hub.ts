import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A file of a repository that the fake hub serves. */
export interface FakeFile {
  readonly content: Buffer;
  /** In large-file storage: announced by sha256, served by redirect from another origin. */
  readonly isLarge?: boolean;
  /** What is announced instead of the true hash. */
  readonly announcedHash?: string;
}

/** One request that reached a server. */
export interface SeenRequest {
  readonly server: "hub" | "storage";
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

type Fault = (request: IncomingMessage, response: ServerResponse, content: Buffer) => boolean;

/**
 * Plays the parts of the Hugging Face hub that are used, on two ports: the API and small files, and the storage to which
 * large files are redirected.
 */
export class FakeHub {
  /** The repository of files that are added without one. */
  readonly repository = "owner/face-model";
  commit = randomBytes(20).toString("hex");
  /** By `OWNER/REPO/PATH`. */
  readonly #files = new Map<string, FakeFile>();
  readonly requests: SeenRequest[] = [];
  cardData: unknown = { license: "mit" };
  /** If set, only requests with this token are answered. */
  requiredToken: string | undefined;
  /** Statuses that the next API requests are answered with, in order; `retry-after: 0` with each. */
  readonly statuses: number[] = [];
  /** What happens to the next transfers of content, in order. */
  readonly faults: Fault[] = [];
  /** Answer ranges with the whole content and status 200. */
  ignoresRanges = false;
  readonly #hub = createServer((request, response) => this.#answerHub(request, response));
  readonly #storage = createServer((request, response) => this.#answerStorage(request, response));

  async start(): Promise<string> {
    await Promise.all([listen(this.#hub), listen(this.#storage)]);
    return origin(this.#hub);
  }

  async stop(): Promise<void> {
    await Promise.all([close(this.#hub), close(this.#storage)]);
  }

  add(path: string, content: Buffer, options: Omit<FakeFile, "content"> = {}, repository = this.repository): void {
    this.#files.set(`${repository}/${path}`, { content, ...options });
  }

  remove(path: string): void {
    this.#files.delete(`${this.repository}/${path}`);
  }

  #answerHub(request: IncomingMessage, response: ServerResponse): void {
    const url = this.#note("hub", request);
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree|paths-info)\/([^/]+)$/.exec(url.pathname);
    const content = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const [, repository = "", , revision = ""] = api ?? [];
    const paths = [...this.#files.keys()].flatMap((name) =>
      name.startsWith(`${repository}/`) ? name.slice(repository.length + 1) : [],
    );
    const status = this.statuses.shift();
    if (status !== undefined) {
      refuse(response, status, { "retry-after": "0" });
    } else if (this.requiredToken !== undefined && request.headers.authorization !== `Bearer ${this.requiredToken}`) {
      refuse(response, 401, { "x-error-message": "Access to this model is restricted." });
    } else if (api && paths.length > 0 && (revision === this.commit || revision === "main")) {
      this.#answerApi(request, response, api[2] ?? "", repository, paths, Number(url.searchParams.get("cursor")));
    } else if (content?.[2] === this.commit) {
      this.#answerContent(request, response, `${content[1]}/${decodeURIComponent(content[3] ?? "")}`);
    } else {
      refuse(response, 404);
    }
  }

  async #answerApi(
    request: IncomingMessage,
    response: ServerResponse,
    call: string,
    repository: string,
    paths: readonly string[],
    cursor: number,
  ): Promise<void> {
    const describe = (path: string) => entry(path, this.#files.get(`${repository}/${path}`)!);
    if (call === "revision") {
      json(response, { _id: "1", id: repository, sha: this.commit, cardData: this.cardData });
    } else if (call === "paths-info") {
      const asked = (JSON.parse(await readBody(request)) as { paths: string[] }).paths;
      json(response, asked.filter((path) => paths.includes(path)).map(describe));
    } else {
      // Two to a page, so that every listing of a model has pages.
      const next = `${origin(this.#hub)}/api/models/${repository}/tree/${this.commit}?cursor=${cursor + 2}`;
      if (cursor + 2 < paths.length) response.setHeader("link", `<${next}>; rel="next"`);
      json(response, paths.slice(cursor, cursor + 2).map(describe));
    }
  }

  #answerContent(request: IncomingMessage, response: ServerResponse, name: string): void {
    const file = this.#files.get(name);
    if (file === undefined) {
      refuse(response, 404);
    } else if (file.isLarge) {
      const location = `${origin(this.#storage)}/${encodeURIComponent(name)}?signature=1`;
      response.writeHead(302, { location }).end();
    } else {
      this.#send(request, response, file.content);
    }
  }

  #answerStorage(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = this.#note("storage", request);
    const file = this.#files.get(decodeURIComponent(pathname.slice(1)));
    if (file === undefined) refuse(response, 404);
    else this.#send(request, response, file.content);
  }

  #send(request: IncomingMessage, response: ServerResponse, content: Buffer): void {
    if (this.faults.shift()?.(request, response, content)) return;
    const start = this.ignoresRanges ? undefined : /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
    const part = content.subarray(Number(start ?? 0));
    response.setHeader("content-length", part.length);
    if (start !== undefined) {
      response.setHeader("content-range", `bytes ${start}-${content.length - 1}/${content.length}`);
    }
    response.writeHead(start === undefined ? 200 : 206).end(part);
  }

  #note(server: SeenRequest["server"], request: IncomingMessage): URL {
    const url = new URL(request.url ?? "/", "http://localhost");
    const { range, authorization } = request.headers;
    this.requests.push({ server, method: request.method ?? "", path: url.pathname, range, authorization });
    return url;
  }
}

/** A fault: the connection is cut after `bytes` bytes of the answer. */
export function cutAfter(bytes: number): Fault {
  return (request, response, content) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.setHeader("content-length", content.length - start);
    if (start > 0) response.setHeader("content-range", `bytes ${start}-${content.length - 1}/${content.length}`);
    response.writeHead(start > 0 ? 206 : 200);
    response.write(content.subarray(start, start + bytes), () => setTimeout(() => response.destroy(), 20));
    return true;
  };
}

/** A fault: `bytes` bytes are sent, then nothing more; `onStall` runs when they are on their way. */
export function stallAfter(bytes: number, onStall: () => void): Fault {
  return (_request, response, content) => {
    response.writeHead(200, { "content-length": content.length });
    response.write(content.subarray(0, bytes), () => setTimeout(onStall, 50));
    return true;
  };
}

export function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

export function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
}

export function listen(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
}

export function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

export function origin(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What the hub lists of a file. */
function entry(path: string, { content, isLarge, announcedHash }: FakeFile): unknown {
  const blob = createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
  const common = { type: "file", path, size: content.length, oid: isLarge ? "0".repeat(40) : (announcedHash ?? blob) };
  const lfs = { oid: announcedHash ?? sha256(content), size: content.length, pointerSize: 134 };
  return isLarge ? { ...common, lfs } : common;
}

function refuse(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, headers).end();
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += chunk;
  return body;
}
