/** Tokens that come back at a steady rate, for each client its own. */
export interface RateLimit {
  /** Most requests at once. */
  readonly burst: number;
  /** Requests that come back each second. */
  readonly perSecond: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Clients to remember; beyond that, the one that was away longest is forgotten. */
const maxClients = 10_000;

/** Token buckets. Source: Turner 1986 (leaky bucket as a meter). */
export class RateLimiter {
  private readonly buckets = new Map<string, Bucket>();

  constructor(
    private readonly limit: RateLimit,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /**
   * Takes tokens of a client.
   * @returns 0 if it may go on, else the seconds to wait
   */
  take(client: string, tokens = 1): number {
    const bucket = this.refill(client);
    if (bucket.tokens < tokens) return (tokens - bucket.tokens) / this.limit.perSecond;
    bucket.tokens -= tokens;
    return 0;
  }

  /** As {@link take}, but nothing is taken. */
  wait(client: string): number {
    const { tokens } = this.refill(client);
    return tokens >= 1 ? 0 : (1 - tokens) / this.limit.perSecond;
  }

  private refill(client: string): Bucket {
    const { burst, perSecond } = this.limit;
    const atMs = this.now();
    const known = this.buckets.get(client);
    const tokens = known ? Math.min(burst, known.tokens + ((atMs - known.atMs) / 1000) * perSecond) : burst;
    const bucket = { tokens, atMs };
    // Deleted first, so that the map stays in order of use.
    this.buckets.delete(client);
    this.buckets.set(client, bucket);
    if (this.buckets.size > maxClients) this.buckets.delete(this.buckets.keys().next().value as string);
    return bucket;
  }
}
