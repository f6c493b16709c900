import { InputError } from "../errors.js";
import { FaceEmbedder } from "../face/embed.js";
import { isKnownNetwork } from "../face/weights-file.js";
import { catalog, findCatalogModel } from "../hub/catalog.js";
import type { ProgressListener } from "../hub/download.js";
import { Arc2Face, type LoadOptions } from "../pipeline/arc2face.js";
import { Pool } from "./pool.js";
import type { Workshop } from "./runner.js";
import type { ResultStore } from "./store.js";

export interface WorkshopOptions extends Pick<LoadOptions, "device" | "threads"> {
  readonly store: ResultStore;
  /** Sources of models, by the names that jobs use. Default: those of the catalog. */
  readonly models?: ReadonlyMap<string, string> | undefined;
  /** Models that stay loaded while no job uses them; default 1. */
  readonly keepModels?: number | undefined;
  readonly onDownload?: ProgressListener | undefined;
}

/** What jobs are done with. A job names a model or a recogniser; no name from a job is taken for a path or an address. */
export function openWorkshop({ store, models, keepModels, ...load }: WorkshopOptions): Workshop {
  const openModel = async (name: string) => Arc2Face.load(modelSource(name, models), load);
  const openEmbedder = async (recogniser: string) => {
    if (!isKnownNetwork(recogniser))
      throw new InputError(`there is no recogniser ${recogniser}; see arc2face models list`);
    return FaceEmbedder.load({ ...load, recogniser });
  };
  return { store, models: new Pool(openModel, keepModels), embedders: new Pool(openEmbedder, keepModels) };
}

function modelSource(name: string, models: ReadonlyMap<string, string> | undefined): string {
  const source = models ? models.get(name) : findCatalogModel(name)?.name;
  if (source !== undefined) return source;
  const known = models ? [...models.keys()] : catalog.map((model) => model.name);
  throw new InputError(`there is no model ${name} here; there are ${known.join(", ")}`);
}
