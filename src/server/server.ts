import { mkdir } from "node:fs/promises";
import type { Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { InputError } from "../errors.js";
import { FaceEmbedder } from "../face/embed.js";
import { defaultModel } from "../hub/catalog.js";
import { EmbeddedQueue } from "../jobs/embedded-queue.js";
import { FolderStore } from "../jobs/folder-store.js";
import { Pool } from "../jobs/pool.js";
import type { JobQueue } from "../jobs/queue.js";
import { createRunner } from "../jobs/runner.js";
import type { ResultStore } from "../jobs/store.js";
import type { LoadOptions } from "../pipeline/arc2face.js";
import { type App, createApp } from "./app.js";
import { openDatabase } from "./database.js";
import type { FaceAnalyser } from "./faces/analyser.js";
import { FaceThread } from "./faces/face-thread.js";
import { acceptedHosts } from "./guards/origin.js";
import { KeyStore } from "./keys.js";
import { Metrics } from "./metrics.js";
import { ModelShelf, type ServedModel } from "./models.js";
import { checkCorsOrigin, defaultLimits, isLoopback, type Limits } from "./options.js";
import { Generations } from "./services/generations.js";
import { Identities } from "./services/identities.js";
import { Recorder } from "./services/recorder.js";
import { folderSampler, type IdentitySampler } from "./services/sampler.js";
import { openTables } from "./store/tables.js";
import { readStudio } from "./studio-files.js";
import { version } from "./version.js";

export interface ServerOptions extends Pick<LoadOptions, "device" | "threads"> {
  /** Folder for identities, images and the queue; made if it is not there. One process at a time uses it. */
  readonly dataFolder: string;
  /** Default 127.0.0.1. Elsewhere than on the loopback, requests need an API key. */
  readonly host?: string;
  /** Default 8470; 0 takes any that is free. */
  readonly port?: number;
  /** What can be generated with; the first is taken where a request names none. Default: the model of the package. */
  readonly models?: readonly ServedModel[];
  /** Sources of the networks that look at photos; see `FaceEmbedder.load`. Default: the first model's recogniser. */
  readonly recogniser?: string | undefined;
  readonly detector?: string | undefined;
  /** Demand a key on the loopback, too. */
  readonly requiresKey?: boolean;
  /** Origins of pages that may use the API; default: none but the studio. */
  readonly cors?: readonly string[];
  /** Host names beside its own under which the server may be asked for. */
  readonly allowedHosts?: readonly string[];
  /** Behind a proxy: take clients' addresses from X-Forwarded-For. */
  readonly trustsProxy?: boolean;
  readonly limits?: Partial<Limits>;
  /** Where results lie; default: in the data folder. */
  readonly store?: ResultStore;
  /** The queue, if it is not to be the one inside this process. It is closed with the server. */
  readonly queue?: JobQueue | undefined;
  /** What looks at photos; default: a thread of this process. */
  readonly faces?: FaceAnalyser;
  /** What draws identities that nobody has; default: what the first model's folder says of them. */
  readonly sampler?: IdentitySampler;
  /** Told of errors that are nobody's fault but the server's. */
  readonly log?: (message: string, error: unknown) => void;
}

/** A server, which need not listen: its app answers requests without a socket, too. */
export interface Server {
  readonly app: App;
  readonly keys: KeyStore;
  readonly isKeyRequired: boolean;
  /** Begins to listen. @returns the address, as `http://127.0.0.1:8470` @throws InputError if it cannot be had */
  listen(): Promise<string>;
  /**
   * Takes no more work, lets what runs finish for `drainMs` (default 30,000), and closes. What does not finish, and what
   * waits, goes on at the next start.
   */
  close(options?: { drainMs?: number }): Promise<void>;
}

const sweepMs = 5 * 60_000;
/**
 * Slow clients may take this long for their headers, and for all of a request. Idle connections stay open longer than proxies
 * keep theirs (60 s), or a request could be sent on one that is just being closed.
 */
const httpLimits = {
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 75_000,
  maxHeaderSize: 16 * 1024,
};
const maxConnections = 1024;

/**
 * Makes a server of identities, generations and images, with its own queue unless another is given.
 * @throws InputError if another process has the data folder, or an option is wrong
 */
export async function createServer(options: ServerOptions): Promise<Server> {
  const { dataFolder, host = "127.0.0.1", port = 8470, device, threads, detector } = options;
  const log = options.log ?? (() => undefined);
  const limits: Limits = { ...defaultLimits, ...options.limits };
  const isKeyRequired = !isLoopback(host) || (options.requiresKey ?? false);
  const cors = (options.cors ?? []).map(checkCorsOrigin);
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  const store = options.store ?? new FolderStore(join(dataFolder, "results"));
  await store.check();
  const models = new ModelShelf(options.models ?? [{ name: defaultModel, source: defaultModel }], {
    ...{ device, threads, log },
  });
  const embedders = new Pool((source) => FaceEmbedder.load({ recogniser: source, detector, device, threads }));
  const queue =
    options.queue ??
    new EmbeddedQueue({
      database: join(dataFolder, "queue.db"),
      store,
      run: createRunner({ store, models: models.pool, embedders }),
      maxQueued: limits.queuedGenerations,
    });
  const db = openDatabase(join(dataFolder, "server.db"));
  const tables = openTables(db);
  const keys = new KeyStore(db);
  const recogniser = options.recogniser ?? (await models.recogniserSource());
  const faces = options.faces ?? new FaceThread({ detector, recogniser, threads, maxPixels: limits.photoPixels });
  const metrics = new Metrics(queue);
  const recorder = new Recorder({ queue, store, tables, faces, metrics, log });
  const generations = new Generations({ tables, queue, models, recorder, metrics, limits });
  const sampler = options.sampler ?? folderSampler(() => models.defaultFolder());
  const identities = new Identities({ db, tables, store, faces, generations, sampler, limits });
  await generations.resume();

  let isClosing = false;
  let http: HttpServer | undefined;
  const sweeper = setInterval(() => {
    identities.deleteExpiredPhotos().catch((error) => log("deleting photos that nobody used", error));
  }, sweepMs).unref();

  const app = createApp({
    limits,
    log,
    keys,
    metrics,
    identities,
    generations,
    models,
    store,
    images: tables.images,
    studio: await readStudio(),
    isKeyRequired,
    origins: { cors, hosts: acceptedHosts(isLoopback(host), options.allowedHosts ?? []) },
    trustsProxy: options.trustsProxy ?? false,
    about: { version, limits: shownLimits(limits) },
    unreadyReason: () => (isClosing ? "the server is shutting down; ask again when it is back" : undefined),
  });

  return {
    app,
    keys,
    isKeyRequired,
    async listen() {
      http = createAdaptorServer({ fetch: app.fetch, serverOptions: httpLimits }) as HttpServer;
      http.maxConnections = maxConnections;
      await startListening(http, host, port);
      // Fetched and loaded now, so that the first photo need not wait.
      faces.describe().catch((error) => {
        if (!isClosing) log("loading the networks that look at photos", error);
      });
      const { address, family, port: taken } = http.address() as AddressInfo;
      return `http://${family === "IPv6" ? `[${address}]` : address}:${taken}`;
    },
    async close({ drainMs = 30_000 } = {}) {
      if (isClosing) return;
      isClosing = true;
      clearInterval(sweeper);
      const closed = http && new Promise((resolve) => http!.close(resolve));
      await recorder.stop(queue.close({ drainMs }));
      http?.closeAllConnections();
      await closed;
      await Promise.all([faces.release(), models.pool.close(), embedders.close()]);
      if (!options.store) store.close();
      db.close();
    },
  };
}

function startListening(http: HttpServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once("error", (cause: NodeJS.ErrnoException) => {
      const hint = cause.code === "EADDRINUSE" ? "another program listens there; give another --port" : cause.message;
      reject(new InputError(`cannot listen at ${host} port ${port}: ${hint}`, { cause }));
    });
    http.listen(port, host, resolve);
  });
}

function shownLimits(limits: Limits) {
  const { photoBytes, photoPixels, imagesPerGeneration, stepsPerImage, queuedGenerations } = limits;
  return { photoBytes, photoPixels, photosPerIdentity: 20, imagesPerGeneration, stepsPerImage, queuedGenerations };
}
