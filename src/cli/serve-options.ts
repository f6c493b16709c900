import { InvalidArgumentError } from "commander";
import { servedModelName } from "../server/api/common.js";
import type { ServedModel } from "../server/models.js";
import { flag, optional, repeated, withDefault } from "./command.js";
import { dataOption } from "./data-folder.js";
import { devices, number, oneOf, text, wholeNumber } from "./read-options.js";

/** `NAME=SOURCE`, or a source that is a name. */
function servedModel(given: string): ServedModel {
  const [, name = given, source = given] = /^([^=:/\\]+)=(.+)$/.exec(given) ?? [];
  if (servedModelName.test(name)) return { name, source };
  throw new InvalidArgumentError("Give NAME=SOURCE; a name has small letters, digits, dots, - and _.");
}

/** The options of `serve`. */
export const serveOptions = {
  host: withDefault(
    "--host <address>",
    "address to listen at; beyond this machine, requests need a key",
    text,
    "127.0.0.1",
  ),
  port: withDefault("--port <number>", "port to listen at; 0 is any that is free", wholeNumber(0, 65_535), 8470),
  dataFolder: dataOption,
  models: repeated("--model <name=source>", "offer a model, the first by default (default: mini)", servedModel),
  queue: optional(
    "--queue <url>",
    "hand work to arc2face worker over a Redis, redis://host (default: done here)",
    text,
  ),
  results: optional(
    "--results <place>",
    "where images lie: a folder, or s3://bucket[/prefix] (default: in --data)",
    text,
  ),
  recogniser: optional("--recogniser <source>", "for photos; see embed --help (default: the first model's own)", text),
  detector: optional("--detector <source>", "for photos; see embed --help (default: rfb-320)", text),
  device: withDefault("--device <name>", devices.join(", "), oneOf(devices), "auto"),
  threads: optional("--threads <number>", "processor threads (default: one for each core)", wholeNumber(1, 1024)),
  requiresKey: flag("--require-key", "demand a key on this machine, too"),
  cors: repeated("--cors <origin>", "let pages of another site use the API, as https://example.org", text),
  allowedHosts: repeated("--allow-host <name>", "host name that the server goes by, without port", text),
  trustsProxy: flag("--trust-proxy", "a proxy stands before: take clients' addresses from X-Forwarded-For"),
  maxQueued: withDefault(
    "--max-queued <number>",
    "generations that may wait; beyond, 429",
    wholeNumber(1, 100_000),
    100,
  ),
  drain: withDefault(
    "--drain <seconds>",
    "time that running work gets when the server is stopped",
    number(0, 3600),
    30,
  ),
};

export const serveDetails = `\
The page is at the address that is printed, the API's description at /docs. Ctrl-C or SIGTERM stops the server: what runs is
finished, if it can be within --drain seconds, and what waits goes on at the next start.
Example: arc2face serve --model mini --model mine=./my-model`;
