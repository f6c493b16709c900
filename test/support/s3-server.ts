import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** Objects of one listing: few, so that a test turns pages. */
const pageSize = 3;

/** As much of S3 as the store asks for, with the bucket in the path and objects in memory. */
export class S3Server {
  readonly objects = new Map<string, { bytes: Buffer; type: string }>();
  /** `METHOD /path`, of every request. */
  readonly requests: string[] = [];

  private constructor(private readonly server: Server) {}

  static async start(): Promise<S3Server> {
    const server = createServer((request, response) => void s3.answer(request, response));
    const s3 = new S3Server(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return s3;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as { port: number }).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, this.url);
    const method = request.method!;
    this.requests.push(`${method} ${pathname}`);
    const [, bucket, ...rest] = pathname.split("/").map(decodeURIComponent);
    const key = rest.join("/");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const object = this.objects.get(key);
    if (bucket !== "bucket") return fail(response, 404, "NoSuchBucket");
    if (method === "PUT") {
      // An upload that is cut short is none.
      if (body.length !== Number(request.headers["content-length"])) return fail(response, 400, "IncompleteBody");
      this.objects.set(key, { bytes: body, type: request.headers["content-type"] ?? "" });
      response.end();
    } else if (method === "POST" && searchParams.has("delete")) {
      for (const [, name] of body.toString().matchAll(/<Key>(.*?)<\/Key>/g)) this.objects.delete(name!);
      xml(response, "<DeleteResult/>");
    } else if (method === "DELETE") {
      this.objects.delete(key);
      response.writeHead(204).end();
    } else if (searchParams.has("list-type")) {
      this.list(response, searchParams);
    } else if (object) {
      send(request, response, object);
    } else {
      fail(response, 404, "NoSuchKey");
    }
  }

  private list(response: ServerResponse, params: URLSearchParams): void {
    const prefix = params.get("prefix") ?? "";
    const after = params.get("continuation-token") ?? "";
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = keys.slice(0, pageSize);
    const contents = page.map((key) => {
      const size = this.objects.get(key)!.bytes.length;
      return `<Contents><Key>${key}</Key><Size>${size}</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>`;
    });
    const isCut = keys.length > page.length;
    const next = isCut ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : "";
    xml(
      response,
      `<ListBucketResult><IsTruncated>${isCut}</IsTruncated>${next}${contents.join("")}</ListBucketResult>`,
    );
  }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { bytes, type }: { bytes: Buffer; type: string },
): void {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
  const part = from === undefined ? bytes : bytes.subarray(Number(from), Number(to) + 1);
  response.writeHead(from === undefined ? 200 : 206, {
    "content-type": type,
    "content-length": part.length,
    "last-modified": new Date(0).toUTCString(),
  });
  response.end(request.method === "HEAD" ? undefined : part);
}

function fail(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "content-type": "application/xml" });
  response.end(`<Error><Code>${code}</Code><Message>${code}</Message></Error>`);
}

function xml(response: ServerResponse, text: string): void {
  response.setHeader("content-type", "application/xml");
  response.end(`<?xml version="1.0"?>${text}`);
}
