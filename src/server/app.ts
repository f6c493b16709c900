import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { cors } from "hono/cors";
import { methodNotAllowed } from "hono/method-not-allowed";
import { routePath } from "hono/route";
import type { ResultStore } from "../jobs/store.js";
import { docsStyle, type OpenApiDocument, renderDocs } from "./docs-page.js";
import { authenticate } from "./guards/authentication.js";
import type { ServerEnv } from "./guards/environment.js";
import { securityHeaders } from "./guards/headers.js";
import { limitBody, limitRate, limitWrongKeys } from "./guards/limits.js";
import { checkHost, checkOrigin, type OriginOptions } from "./guards/origin.js";
import type { ModelShelf } from "./models.js";
import type { Limits } from "./options.js";
import { describeError, describeZodError, notFound, RequestError, respondProblem, wrongMethod } from "./problem.js";
import { addFaceRoutes } from "./routes/faces.js";
import { addGenerationRoutes } from "./routes/generations.js";
import { addIdentityRoutes } from "./routes/identities.js";
import { addImageRoutes } from "./routes/images.js";
import { addModelRoutes } from "./routes/models.js";
import { addSystemRoutes, type SystemOptions } from "./routes/system.js";
import type { Generations } from "./services/generations.js";
import type { Identities } from "./services/identities.js";
import type { ImageTable } from "./store/images.js";
import { respondStudio, type StudioFiles } from "./studio-files.js";

export interface AppOptions extends SystemOptions {
  readonly limits: Limits;
  readonly origins: OriginOptions;
  readonly trustsProxy: boolean;
  readonly identities: Identities;
  readonly generations: Generations;
  readonly images: ImageTable;
  readonly models: ModelShelf;
  readonly store: ResultStore;
  readonly studio: StudioFiles;
  readonly log: (message: string, error: unknown) => void;
}

export type App = OpenAPIHono<ServerEnv>;

/** All routes, behind all guards. */
export function createApp(options: AppOptions): App {
  const app: App = new OpenAPIHono<ServerEnv>({
    defaultHook: (result, c) => (result.success ? undefined : respondProblem(c, describeZodError(result.error))),
  });
  app.onError((error, c) => {
    const { problem, headers } = describeError(error);
    // What the client is not told.
    if (problem.detail !== error.message) options.log(`${c.req.method} ${routePath(c, -1)}`, error);
    options.metrics.errors.inc({ code: problem.code });
    return respondProblem(c, problem, headers);
  });
  addGuards(app, options);
  addSystemRoutes(app, options);
  addFaceRoutes(app, options.identities, options.limits);
  addIdentityRoutes(app, options.identities);
  addGenerationRoutes(app, options.generations, options.store);
  addImageRoutes(app, options.images, options.store);
  addModelRoutes(app, options.models);
  addDocs(app, options.about.version);
  app.notFound((c) => {
    const isGet = c.req.method === "GET" || c.req.method === "HEAD";
    const page = isGet && !c.req.path.startsWith("/api/") ? respondStudio(c, options.studio) : undefined;
    if (page) return page;
    const { problem } = describeError(notFound("address; /docs lists all"));
    return respondProblem(c, problem);
  });
  return app;
}

/** In the order in which they stand: what is cheap and needs to know little comes first. */
function addGuards(app: App, options: AppOptions): void {
  const { limits, origins, trustsProxy, keys, isKeyRequired, metrics, unreadyReason } = options;
  app.use(securityHeaders());
  app.use(async (c, next) => {
    const stop = metrics.requests.startTimer({ method: c.req.method });
    await next();
    stop({ route: routePath(c, -1), status: String(c.res.status) });
  });
  app.use(methodNotAllowed({ app, onMethodNotAllowed: refuseMethod }));
  app.use(checkHost(origins));
  if (origins.cors.length > 0) {
    const exposeHeaders = ["ETag", "Retry-After", "Content-Range"];
    app.use("/api/*", cors({ origin: [...origins.cors], exposeHeaders, maxAge: 600 }));
  }
  for (const path of ["/api/*", "/metrics"]) {
    app.use(path, checkOrigin(origins), limitWrongKeys(limits, trustsProxy));
  }
  app.use(authenticate(keys, isKeyRequired));
  app.use("/api/*", limitRate(limits, trustsProxy), limitBody(limits), async (c, next) => {
    const reason = c.req.method === "POST" ? unreadyReason() : undefined;
    if (reason !== undefined) throw new RequestError(503, "ERR_UNREADY", reason, { "Retry-After": "5" });
    await next();
    if (!c.res.headers.has("Cache-Control")) c.res.headers.set("Cache-Control", "no-store");
  });
}

function refuseMethod(c: Context, methods: readonly string[]): Response {
  const { problem, headers } = describeError(wrongMethod(methods));
  return respondProblem(c, problem, headers);
}

function addDocs(app: App, version: string): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "key", { type: "http", scheme: "bearer" });
  const describe = () =>
    app.getOpenAPI31Document({
      openapi: "3.1.0",
      info: {
        title: "arc2face",
        version,
        description: "Images of one person from a face embedding. Off the loopback every request needs an API key.",
      },
      security: [{ key: [] }, {}],
    });
  let page: string | undefined;
  app.get("/openapi.json", (c) => c.json(describe()));
  app.get("/docs", (c) => {
    page ??= renderDocs(describe() as OpenApiDocument);
    return c.html(page);
  });
  app.get("/docs.css", (c) => c.body(docsStyle, 200, { "Content-Type": "text/css; charset=utf-8" }));
}
