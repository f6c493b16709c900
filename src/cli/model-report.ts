import { InputError } from "../errors.js";
import { findCatalogModel } from "../hub/catalog.js";
import { findModel, type Model } from "../hub/models.js";
import { resolveFolder } from "../hub/pull.js";
import { describeModel, type ModelDescription } from "../pipeline/describe-model.js";
import { openModelFolder } from "../pipeline/model-folder.js";
import { cacheFolder } from "../tensor/cache-folder.js";
import { formatFacts, formatTable, megabytes } from "./table.js";

/** A file of a model; the hash and the size are known once it was pulled. */
export interface ReportedFile {
  readonly path: string;
  readonly origin: string;
  readonly licence: string;
  readonly bytes?: number;
  readonly sha256?: string | undefined;
  /** The optional part it belongs to. */
  readonly part?: string | undefined;
}

/** What is known of a model: of a pulled one, where each file came from; of a generator on this machine, its networks. */
export interface ModelReport {
  readonly name: string;
  readonly description?: string | undefined;
  readonly folder?: string | undefined;
  readonly files: readonly ReportedFile[];
  readonly architecture?: ModelDescription | undefined;
}

/**
 * @param name a name in the catalog, `hf:OWNER/REPO[@REVISION]` as it was pulled, or a model's folder
 * @throws InputError if it is none of these
 * @throws CheckpointError if a folder is no model, or incomplete
 */
export async function reportModel(name: string): Promise<ModelReport> {
  const known = findCatalogModel(name);
  const pulled = await findPulled(name);
  const mustBePulled = known !== undefined && known.bundled === undefined;
  const folder = pulled?.folder ?? (mustBePulled ? undefined : await resolveFolder(name));
  // Of what was pulled, not all are generators.
  const isGenerator = folder !== undefined && (!pulled || pulled.files.some(({ path }) => path.startsWith("vae/")));
  return {
    name,
    description: known?.description,
    folder,
    files: mergeFiles(known?.files ?? [], pulled),
    architecture: isGenerator ? describeModel(await openModelFolder(folder, cacheFolder())) : undefined,
  };
}

/**
 * The pulled model of that name, or in that folder; undefined if a name of the catalog was not pulled, or the folder is one
 * of the user's own.
 * @throws InputError if a repository was not pulled
 */
export async function findPulled(name: string): Promise<Model | undefined> {
  try {
    return await findModel(name);
  } catch (error) {
    if (error instanceof InputError && !name.startsWith("hf:")) return undefined;
    throw error;
  }
}

function mergeFiles(known: NonNullable<ReturnType<typeof findCatalogModel>>["files"], pulled: Model | undefined) {
  const files = new Map<string, ReportedFile>();
  for (const { path, source, licence, sha256, part } of known) {
    files.set(path, { path, origin: source, licence, sha256, part });
  }
  for (const { path, origin, licence, bytes, sha256 } of pulled?.files ?? []) {
    files.set(path, { path, origin, licence, bytes, sha256, part: files.get(path)?.part });
  }
  return [...files.values()];
}

/** The report as text. */
export function formatReport({ name, description, folder, files, architecture }: ModelReport): string {
  const blocks = [
    [`${name}${description ? `: ${description}` : ""}`, `folder: ${folder ?? "not pulled"}`].join("\n"),
    files.length > 0 ? formatFiles(files) : undefined,
    architecture && formatArchitecture(architecture),
  ];
  return `${blocks.flatMap((block) => block?.trimEnd() ?? []).join("\n\n")}\n`;
}

/** Files with size, licence and origin. */
export function formatFiles(files: readonly ReportedFile[]): string {
  const rows = files.map(({ path, bytes, licence, origin, part }) => [
    path,
    bytes === undefined ? (part ? `part ${part}` : "-") : megabytes(bytes),
    licence,
    origin,
  ]);
  return formatTable(["FILE", ">MB", "LICENCE", "ORIGIN"], rows);
}

function formatArchitecture(model: ModelDescription): string {
  const rows = model.networks.map(({ name, parameters, dtypes, bytes }) => [
    name,
    `${(parameters / 1e6).toFixed(parameters < 1e7 ? 3 : 1)} M`,
    dtypes.join(", "),
    megabytes(bytes),
  ]);
  const { sampler, steps, guidanceScale } = model.defaults;
  const { recogniser } = model;
  const facts = formatFacts([
    ["image size", `${model.widthPx}x${model.heightPx} pixels`],
    ["face embedding", `${model.embeddingSize} numbers`],
    ["recogniser", recogniser ? `${recogniser.name}, sha256 ${recogniser.sha256}` : "not stated"],
    ["defaults", `${sampler}, ${steps} steps, guidance ${guidanceScale}`],
    ["licence", model.licence ?? "not stated in the folder"],
  ]);
  return `${formatTable(["NETWORK", ">PARAMETERS", "DTYPE", ">MB"], rows)}\n${facts}`;
}
