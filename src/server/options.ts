import { InputError } from "../errors.js";
import type { RateLimit } from "./rate-limit.js";

/** What the server takes at most. */
export interface Limits {
  /** Of a photo's file. */
  readonly photoBytes: number;
  /** Width x height of a photo. */
  readonly photoPixels: number;
  /** Of a JSON body. */
  readonly jsonBytes: number;
  /** Photos that wait to become identities. */
  readonly waitingPhotos: number;
  readonly imagesPerGeneration: number;
  readonly stepsPerImage: number;
  /** Generations that wait; beyond, 429. */
  readonly queuedGenerations: number;
  /** Event streams that are open at once. */
  readonly eventStreams: number;
  /** Of one client, a key or else an address. */
  readonly requests: RateLimit;
  /** Of one address. */
  readonly wrongKeys: RateLimit;
}

export const defaultLimits: Limits = {
  photoBytes: 20 * 2 ** 20,
  photoPixels: 50e6,
  jsonBytes: 256 * 1024,
  waitingPhotos: 500,
  imagesPerGeneration: 16,
  stepsPerImage: 100,
  queuedGenerations: 100,
  eventStreams: 256,
  requests: { burst: 300, perSecond: 30 },
  wrongKeys: { burst: 10, perSecond: 0.1 },
};

/** Whether only programs of this machine can reach a server there. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** @throws InputError if it is no origin as browsers send it */
export function checkCorsOrigin(origin: string): string {
  if (URL.canParse(origin) && new URL(origin).origin === origin) return origin;
  throw new InputError(`"${origin}" is no origin; give scheme, host and port only, as https://studio.example.org`);
}
