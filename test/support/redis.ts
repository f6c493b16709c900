import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";

/** Whether this machine has a redis-server. */
export const hasRedis = spawnSync("redis-server", ["--version"]).status === 0;
/** Why tests are skipped where it has none. */
export const redisTitle = (title: string): string =>
  hasRedis ? title : `${title} (skipped: there is no redis-server in PATH; install redis)`;

/** A Redis of a test's own, on a free port, that keeps an append-only file. */
export class RedisServer {
  private server: ChildProcess | undefined;

  private constructor(
    private readonly folder: string,
    private readonly port: number,
  ) {}

  static async start(): Promise<RedisServer> {
    const redis = new RedisServer(await mkdtemp(join(tmpdir(), "redis-")), await freePort());
    await redis.launch();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async launch(): Promise<void> {
    const settings = { port: this.port, dir: this.folder, bind: "127.0.0.1", appendonly: "yes", save: "" };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    this.server = spawn("redis-server", args, { stdio: "ignore" });
    const client = new Redis(this.url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
    client.on("error", () => undefined);
    await client.ping();
    client.disconnect();
  }

  /** Ends it without a word. */
  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.server?.once("exit", resolve));
    this.server?.kill("SIGKILL");
    await ended;
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
