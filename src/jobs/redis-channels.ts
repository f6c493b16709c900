import type { Redis } from "ioredis";
import { z } from "zod";
import type { Hint } from "./watch.js";

/** Keys and channels beside those of BullMQ. */
export const redisPrefix = "arc2face";
export const queueName = "jobs";
export const keys = {
  /** Hash of a job: `attempts`, `error`, and `file:KEY` for each of its files. */
  state: (id: string) => `${redisPrefix}:state:${id}`,
  /** Sorted set of all ids, or of those of a group, by time of submission. */
  index: (group?: string) => (group === undefined ? `${redisPrefix}:index` : `${redisPrefix}:group:${group}`),
  /** Hash of ids of unfinished jobs to `cancelled` or `deleted`: whoever runs or begins one, stops. */
  stopping: `${redisPrefix}:stopping`,
  /** Set of ids of cancelled jobs that BullMQ counts as failed. */
  cancelled: `${redisPrefix}:cancelled`,
} as const;

/** Where hints on a job are published. */
export const hintChannel = (id: string): string => `${redisPrefix}:hints:${id}`;
/** Where ids of jobs are published that are to be stopped. */
export const stopChannel = `${redisPrefix}:stop`;

type Listener = (message: string) => void;

/**
 * Published messages, through one connection. Those sent while it is broken are lost: after a break, `onReconnect` is called
 * so that listeners look for themselves.
 */
export class RedisChannels {
  private readonly listeners = new Map<string, Set<Listener>>();

  constructor(
    private readonly connection: Redis,
    onReconnect: () => void,
  ) {
    connection.on("message", (channel: string, message: string) => {
      for (const listener of this.listeners.get(channel) ?? []) listener(message);
    });
    connection.on("ready", onReconnect);
  }

  /** @returns ends it */
  async subscribe(channel: string, listener: Listener): Promise<() => void> {
    const known = this.listeners.get(channel);
    const listeners = known ?? new Set();
    listeners.add(listener);
    this.listeners.set(channel, listeners);
    if (!known) await this.connection.subscribe(channel);
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.listeners.get(channel) !== listeners) return;
      this.listeners.delete(channel);
      // A connection that is broken or closed has forgotten it anyway.
      this.connection.unsubscribe(channel).catch(() => undefined);
    };
  }
}

const hintSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("changed") }),
  z.object({
    type: z.literal("progress"),
    unit: z.enum(["images", "photos"]),
    done: z.number(),
    total: z.number(),
    step: z.number().optional(),
    steps: z.number().optional(),
    images: z.array(z.object({ identity: z.number(), seed: z.number() })).optional(),
  }),
  z.object({
    type: z.literal("preview"),
    identity: z.number(),
    seed: z.number(),
    step: z.number(),
    steps: z.number(),
    png: z.base64().transform((text): Uint8Array => Buffer.from(text, "base64")),
  }),
]);

export function encodeHint(hint: Exclude<Hint, { type: "closed" | "moved" }>): string {
  if (hint.type !== "preview") return JSON.stringify(hint);
  return JSON.stringify({ ...hint, png: Buffer.from(hint.png).toString("base64") });
}

/** @throws ZodError if it was written by another version */
export function decodeHint(text: string): Hint {
  return hintSchema.parse(JSON.parse(text));
}
