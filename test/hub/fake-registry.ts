import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { gzipSync } from "node:zlib";
import { Header } from "tar";
import { close, json, listen, origin } from "./fake-hub.js";

/** One entry of a tarball, under whatever path it is given. */
export interface FakeEntry {
  readonly path: string;
  readonly content?: Buffer;
  readonly type?: "File" | "SymbolicLink";
  readonly linkpath?: string;
  /** What the header says instead of the content's size. */
  readonly announcedBytes?: number;
}

/** Plays an npm registry that has one package. */
export class FakeRegistry {
  readonly requests: { path: string; authorization: string | undefined }[] = [];
  readonly packageName = "face-models";
  readonly version = "0.2.1";
  tarball = Buffer.alloc(0);
  unpackedBytes = 0;
  licence: unknown = "MIT";
  /** What the registry states instead of the tarball's true integrity. */
  integrity: string | undefined;
  /** The next transfer of the tarball is cut in the middle. */
  cutsNext = false;
  readonly #server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    this.requests.push({ path: pathname, authorization: request.headers.authorization });
    if (pathname === `/${this.packageName}`) {
      json(response, this.#packument());
    } else if (pathname === "/tarball.tgz" && this.cutsNext) {
      this.cutsNext = false;
      response.writeHead(200, { "content-length": this.tarball.length });
      response.write(this.tarball.subarray(0, this.tarball.length / 2), () => setTimeout(() => response.destroy(), 20));
    } else if (pathname === "/tarball.tgz") {
      response.writeHead(200, { "content-length": this.tarball.length }).end(this.tarball);
    } else {
      response.writeHead(404).end();
    }
  });

  async start(): Promise<string> {
    await listen(this.#server);
    return origin(this.#server);
  }

  stop(): Promise<void> {
    return close(this.#server);
  }

  publish(entries: readonly FakeEntry[]): void {
    this.unpackedBytes = entries.reduce((sum, { content }) => sum + (content?.length ?? 0), 0);
    this.tarball = gzipSync(Buffer.concat([...entries.flatMap(encodeEntry), Buffer.alloc(1024)]));
  }

  #packument(): unknown {
    const integrity = this.integrity ?? `sha512-${createHash("sha512").update(this.tarball).digest("base64")}`;
    const manifest = {
      name: this.packageName,
      version: this.version,
      license: this.licence,
      // Would fail the test if it were run.
      scripts: { preinstall: "exit 1", install: "exit 1", prepare: "exit 1" },
      dist: { tarball: `${origin(this.#server)}/tarball.tgz`, integrity, unpackedSize: this.unpackedBytes },
    };
    const { version } = this;
    return { name: this.packageName, "dist-tags": { latest: version }, versions: { [version]: manifest } };
  }
}

function encodeEntry({
  path,
  content = Buffer.alloc(0),
  type = "File",
  linkpath,
  announcedBytes,
}: FakeEntry): Buffer[] {
  const header = new Header({ path, type, size: announcedBytes ?? content.length, mode: 0o644, uid: 0, gid: 0 });
  if (linkpath !== undefined) header.linkpath = linkpath;
  header.encode();
  return [header.block!, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
}
