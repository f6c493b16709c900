import { access } from "node:fs/promises";
import { bundledFolder, findCatalogModel } from "../hub/catalog.js";
import { findModel } from "../hub/models.js";
import { Pool } from "../jobs/pool.js";
import { Arc2Face, type LoadOptions } from "../pipeline/arc2face.js";
import { describeModel, type ModelDescription } from "../pipeline/describe-model.js";
import { openModelFolder } from "../pipeline/model-folder.js";
import { recogniserSource } from "../pipeline/recogniser-source.js";
import { cacheFolder } from "../tensor/cache-folder.js";
import type { Model } from "./api/models.js";
import { conflict, notFound } from "./problem.js";
import { withoutPaths } from "./without-paths.js";

/** A model that the server offers. */
export interface ServedModel {
  /** What requests call it. */
  readonly name: string;
  /** As `Arc2Face.load` takes it. */
  readonly source: string;
  readonly description?: string | undefined;
}

export interface ModelShelfOptions extends Pick<LoadOptions, "device" | "threads"> {
  /** Told of models that cannot be read. */
  readonly log?: (message: string, error: unknown) => void;
}

interface Entry {
  readonly served: ServedModel;
  isLoaded: boolean;
  /** In words for clients. */
  error: string | null;
  logged: string | undefined;
  description: ModelDescription | undefined;
}

/** The models of a server. Each is loaded when it is first used, and stays until it is unloaded. */
export class ModelShelf {
  /** The models, for those who work with them. */
  readonly pool: Pool<Arc2Face>;
  private readonly entries: ReadonlyMap<string, Entry>;

  constructor(
    models: readonly ServedModel[],
    private readonly options: ModelShelfOptions = {},
  ) {
    const fresh = { isLoaded: false, error: null, logged: undefined, description: undefined };
    this.entries = new Map(models.map((served) => [served.name, { served, ...fresh }]));
    this.pool = new Pool((name) => this.open(this.need(name)), models.length);
  }

  /** The first; undefined if there is none. */
  get defaultName(): string | undefined {
    return this.entries.keys().next().value;
  }

  list(): Promise<Model[]> {
    return Promise.all([...this.entries.values()].map((entry) => this.show(entry)));
  }

  async get(name: string): Promise<Model> {
    return this.show(this.need(name));
  }

  /**
   * What a model is; nothing is downloaded for it.
   * @throws RequestError 409 if it is not on this machine
   */
  async describe(name: string): Promise<ModelDescription> {
    const description = await this.read(this.need(name));
    if (description) return description;
    throw conflict(`model ${name} is not on this machine yet; load it first, by POST /api/v1/models/${name}/load`);
  }

  /** The first model's folder. @throws RequestError 409 if it is not on this machine */
  async defaultFolder(): Promise<string> {
    if (this.defaultName === undefined) throw conflict("this server has no model; start it with --model NAME=SOURCE");
    return (await this.describe(this.defaultName)).folder;
  }

  /** The recogniser that the first model was made for; undefined if that is not known. */
  async recogniserSource(): Promise<string | undefined> {
    const first = this.entries.values().next().value;
    if (!first) return undefined;
    try {
      const description = await this.read(first);
      return description && recogniserSource(description.recogniser);
    } catch {
      // A damaged model shows its error when it is listed.
      return undefined;
    }
  }

  /** Begins to load a model, unless it is loaded. What goes wrong is shown by {@link get}. */
  startLoading(name: string): void {
    this.need(name);
    this.pool.load(name).catch(() => undefined);
  }

  /** @throws RequestError 409 if it is in use */
  async unload(name: string): Promise<void> {
    this.need(name);
    const isThere = this.pool.list().some((loaded) => loaded.name === name);
    if (isThere && !(await this.pool.unload(name))) {
      throw conflict(`model ${name} is being loaded or in use; wait for its generations, or cancel them`);
    }
  }

  private need(name: string): Entry {
    const entry = this.entries.get(name);
    if (!entry) throw notFound("model; GET /api/v1/models lists those of this server");
    return entry;
  }

  private async open(entry: Entry): Promise<Arc2Face> {
    entry.isLoaded = false;
    try {
      const model = await Arc2Face.load(entry.served.source, this.options);
      entry.isLoaded = true;
      entry.error = null;
      return model;
    } catch (error) {
      entry.error = this.explain(entry, error as Error);
      throw error;
    }
  }

  private async read(entry: Entry): Promise<ModelDescription | undefined> {
    if (entry.description) return entry.description;
    const folder = await localFolder(entry.served.source);
    if (folder === undefined) return undefined;
    entry.description = describeModel(await openModelFolder(folder, cacheFolder()));
    return entry.description;
  }

  private async show(entry: Entry): Promise<Model> {
    const { name, source, description = findCatalogModel(source)?.description } = entry.served;
    let { error } = entry;
    const about = await this.read(entry).catch((failure: Error) => {
      error ??= this.explain(entry, failure);
      return undefined;
    });
    return {
      name,
      description: description ?? "",
      isDefault: name === this.defaultName,
      state: this.stateOf(entry, error),
      error,
      defaults: about ? defaultsOf(about) : null,
      embeddingSize: about?.embeddingSize ?? null,
      recogniser: about?.recogniser ?? null,
    };
  }

  /** Why a model cannot be used, for clients; the log has all of it, once. */
  private explain(entry: Entry, error: Error): string {
    if (error.message !== entry.logged) this.options.log?.(`model ${entry.served.name}`, error);
    entry.logged = error.message;
    return withoutPaths(error.message);
  }

  private stateOf({ served, isLoaded }: Entry, error: string | null): Model["state"] {
    if (this.pool.list().some(({ name }) => name === served.name)) return isLoaded ? "loaded" : "loading";
    return error === null ? "unloaded" : "failed";
  }
}

function defaultsOf({ defaults, widthPx, heightPx }: ModelDescription): Model["defaults"] {
  const { steps, guidanceScale, sampler } = defaults;
  return { steps, guidance: guidanceScale, sampler, widthPx, heightPx };
}

/** The folder of a model that is on this machine. */
async function localFolder(source: string): Promise<string | undefined> {
  const bundled = bundledFolder(source);
  if (bundled === undefined && (findCatalogModel(source) || source.startsWith("hf:"))) {
    return findModel(source).then(
      ({ folder }) => folder,
      () => undefined,
    );
  }
  const folder = bundled ?? source;
  return access(folder).then(
    () => folder,
    () => undefined,
  );
}
