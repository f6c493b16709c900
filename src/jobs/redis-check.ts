import { Redis } from "ioredis";
import { InputError } from "../errors.js";

/**
 * Looks whether a Redis answers and is fit to hold a queue.
 * @param warn told what makes it lose jobs
 * @throws InputError if it does not answer, or refuses us
 */
export async function checkRedis(url: string, warn: (message: string) => void): Promise<void> {
  // An address may hold a password: messages name the host only.
  const host = /^rediss?:$/.test(URL.parse(url)?.protocol ?? "") ? URL.parse(url)?.host : undefined;
  if (!host)
    throw new InputError("the queue's address is none of a Redis; give redis://host:port, or rediss:// for TLS");
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
  // What goes wrong is thrown by the commands, too.
  redis.on("error", () => undefined);
  try {
    await redis.connect();
    const info = await redis.info();
    if (!/^aof_enabled:1/m.test(info))
      warn("this Redis keeps no append-only file: jobs are lost when it restarts; set appendonly yes");
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
    if (policy !== "noeviction")
      warn(`this Redis may throw jobs away when memory is short (${policy}); set maxmemory-policy noeviction`);
  } catch (cause) {
    throw new InputError(`the Redis at ${host} cannot be used (${(cause as Error).message}); check that it runs`, {
      cause,
    });
  } finally {
    redis.disconnect();
  }
}
