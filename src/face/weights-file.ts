import { basename, extname } from "node:path";
import { type CatalogFile, catalog } from "../hub/catalog.js";
import type { ProgressListener } from "../hub/download.js";
import { resolveFile } from "../hub/resolve.js";
import type { Device } from "../runtime/devices.js";
import { Session } from "../runtime/session.js";
import { isTfjsManifest, loadTfjsNetwork } from "./tfjs-network.js";

export interface LoadNetworkOptions {
  /** Default `auto`. */
  readonly device?: Device | undefined;
  /** Processor threads within the network. Default: the cores this process may use. */
  readonly threads?: number | undefined;
  /** Told about downloads. */
  readonly onDownload?: ProgressListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where a network's weights come from. */
export interface WeightsFile {
  /** What people call it: a known name, else the file's name without its ending. */
  readonly name: string;
  /** Of the file's content (of all its files, if there are several), hexadecimal; identifies the network. */
  readonly sha256: string;
  readonly licence: string;
  /** URL, `npm:NAME@VERSION/path` or `file:` URL. */
  readonly origin: string;
}

/** A network of face analysis that is known by name. */
interface KnownNetwork {
  /** Model of the hub's catalog. */
  readonly model: string;
  /** Path of its file there. */
  readonly path: string;
}

const knownNetworks: Readonly<Record<string, KnownNetwork>> = {
  "rfb-320": { model: "face-npm", path: "fr_detect.onnx" },
  "landmarks-68": { model: "face-npm", path: "fr_landmark.onnx" },
  mobilefacenet: { model: "face-npm", path: "fr_feature.onnx" },
  arcface: { model: "arc2face", path: "antelopev2/arcface.onnx" },
  "dlib-resnet": { model: "face-api", path: "face_recognition_model-weights_manifest.json" },
};

/** Whether a network can be loaded by this name. */
export function isKnownNetwork(name: string): boolean {
  return Object.hasOwn(knownNetworks, name);
}

/**
 * Brings a network's file to this machine, unless it is there, and loads it.
 * @param source a known name, `hf:OWNER/REPO[@REVISION]/path`, `npm:NAME@VERSION/path`, `file:PATH` or a path
 * @throws InputError if there is no such file; DownloadError if it cannot be had; CheckpointError if it is no network
 */
export async function loadNetwork(
  source: string,
  options: LoadNetworkOptions,
): Promise<{ session: Session; file: WeightsFile }> {
  const { device, threads, onDownload, signal } = options;
  const known = isKnownNetwork(source) ? knownNetworks[source] : undefined;
  const { source: from, sha256: expected } = known
    ? findCatalogFile(known)
    : { source: withScheme(source), sha256: undefined };
  const fetching = { onProgress: onDownload, signal };
  const found = await resolveFile(from, { ...fetching, sha256: expected });
  const { model, sha256 } = isTfjsManifest(found.path)
    ? await loadTfjsNetwork(found, (path) => ({
        ...fetching,
        sha256: known && findCatalogFile({ model: known.model, path }).sha256,
      }))
    : { model: found.path, sha256: found.sha256 };
  const session = await Session.load(model, {
    ...(device === undefined ? {} : { device }),
    ...(threads === undefined ? {} : { threads }),
    ...(signal === undefined ? {} : { signal }),
  });
  const name = nameOfHash(found.sha256) ?? (known ? source : nameOfStranger(found.path, sha256));
  return { session, file: { name, sha256, licence: found.licence, origin: found.origin } };
}

/** A copy of a known file keeps its known name, wherever it lies. */
function nameOfHash(sha256: string): string | undefined {
  return Object.keys(knownNetworks).find((name) => findCatalogFile(knownNetworks[name]!).sha256 === sha256);
}

/** Another file of a known name must not pass for that network, whose threshold and preprocessing go by the name. */
function nameOfStranger(path: string, sha256: string): string {
  const name = basename(path, extname(path));
  return isKnownNetwork(name) ? `${name}-${sha256.slice(0, 8)}` : name;
}

function findCatalogFile({ model, path }: KnownNetwork): CatalogFile {
  return catalog.find(({ name }) => name === model)!.files.find((file) => file.path === path)!;
}

function withScheme(source: string): string {
  return /^(hf|npm|file):/.test(source) ? source : `file:${source}`;
}
