import type {
  Generation,
  GenerationEvent,
  Identity,
  Image,
  ImageMetadata,
  Info,
  Model,
  NewGeneration,
  NewIdentity,
  Photo,
  SampleRequest,
  Sampler,
} from "../../../src/server/api/types.js";
import { problemOf, unreachable } from "./problem.js";

/** A page of a list, newest first; `next` asks for the one after it. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

type Query = Record<string, string | number | undefined>;
type Body = Readonly<Record<string, unknown>> | FormData;

const base = "/api/v1";

/**
 * Sends one request of the API.
 * @throws ApiError if the server refuses it or cannot be reached
 */
async function send<Result>(
  method: string,
  path: string,
  { body, signal }: { body?: Body; signal?: AbortSignal | undefined } = {},
): Promise<Result> {
  const isForm = body instanceof FormData;
  let response: Response;
  try {
    response = await fetch(`${base}${path}`, {
      method,
      signal: signal ?? null,
      headers: body && !isForm ? { "content-type": "application/json" } : {},
      body: isForm ? body : body ? JSON.stringify(body) : null,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable(error);
  }
  if (!response.ok) throw await problemOf(response);
  return (response.status === 204 ? undefined : await response.json()) as Result;
}

function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]]));
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}

/** Reads every page of a list, up to a thousand items. */
async function all<Item>(path: string, signal?: AbortSignal): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | undefined;
  do {
    const page: Page<Item> = await send("GET", withQuery(path, { limit: 100, cursor }), { signal });
    items.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined && items.length < 1000);
  return items;
}

/** The server's API, as the studio uses it. Every function throws an ApiError. */
export const client = {
  info: (signal?: AbortSignal) => send<Info>("GET", "/info", { signal }),
  signIn: (key: string) => send<void>("POST", "/session", { body: { key } }),
  signOut: () => send<void>("DELETE", "/session"),

  findFaces(photo: Blob, signal?: AbortSignal) {
    const body = new FormData();
    body.set("photo", photo);
    return send<Photo>("POST", "/faces", { body, signal });
  },

  identities: (signal?: AbortSignal) => all<Identity>("/identities", signal),
  createIdentity: (identity: NewIdentity) => send<Identity>("POST", "/identities", { body: identity }),
  sampleIdentities: (request: SampleRequest) =>
    send<{ seed: number; items: Identity[] }>("POST", "/identities/sample", { body: request }),
  renameIdentity: (id: string, name: string) => send<Identity>("PATCH", `/identities/${id}`, { body: { name } }),
  deleteIdentity: (id: string) => send<void>("DELETE", `/identities/${id}`),

  startGeneration: (request: NewGeneration) => send<Generation>("POST", "/generations", { body: request }),
  generations: (query: { cursor?: string | undefined; identity?: string | undefined }, signal?: AbortSignal) =>
    send<Page<Generation>>("GET", withQuery("/generations", { limit: 12, ...query }), { signal }),
  generation: (id: string, signal?: AbortSignal) => send<Generation>("GET", `/generations/${id}`, { signal }),
  cancelGeneration: (id: string) => send<Generation>("POST", `/generations/${id}/cancel`),
  deleteGeneration: (id: string) => send<void>("DELETE", `/generations/${id}`),

  imageMetadata: (id: string, signal?: AbortSignal) => send<ImageMetadata>("GET", `/images/${id}/metadata`, { signal }),

  models: async (signal?: AbortSignal) => (await send<{ items: Model[] }>("GET", "/models", { signal })).items,
  loadModel: (name: string) => send<Model>("POST", `/models/${name}/load`),
  unloadModel: (name: string) => send<Model>("POST", `/models/${name}/unload`),
  samplers: async (signal?: AbortSignal) => (await send<{ items: Sampler[] }>("GET", "/samplers", { signal })).items,
};

/** Where the browser saves an image from. */
export const downloadUrl = (image: Image) => `${image.url}?download=1`;

/** Where the browser saves all images of a generation from, as a zip. */
export const archiveUrl = (generation: Generation) => `${base}/generations/${generation.id}/archive`;

const eventTypes: readonly GenerationEvent["type"][] = [
  "queued",
  "started",
  "progress",
  "preview",
  "image",
  "done",
  "failed",
  "cancelled",
];

/**
 * Listens to a generation until the returned function is called.
 * @param onEvent told of every event; those that were missed while offline are sent again by the server
 * @param onLost called once, if the connection ends and the browser does not try again
 */
export function watchGeneration(id: string, onEvent: (event: GenerationEvent) => void, onLost: () => void): () => void {
  const source = new EventSource(`${base}/generations/${id}/events`);
  for (const type of eventTypes)
    source.addEventListener(type, (message) => onEvent(JSON.parse(message.data) as GenerationEvent));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) onLost();
  });
  return () => source.close();
}
