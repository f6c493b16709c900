import { InputError } from "../errors.js";
import { FolderStore } from "./folder-store.js";
import type { ResultStore } from "./store.js";

/**
 * Opens where results lie, and tries to write there.
 * @param place a folder, or `s3://BUCKET[/PREFIX]`, reached as the AWS environment variables say
 * @throws InputError if it cannot be written to
 */
export async function openStore(place: string, env: NodeJS.ProcessEnv = process.env): Promise<ResultStore> {
  const store = place.startsWith("s3:") ? await openBucket(place, env) : new FolderStore(place);
  await store.check();
  return store;
}

async function openBucket(place: string, env: NodeJS.ProcessEnv): Promise<ResultStore> {
  const [, bucket, path = ""] = /^s3:\/\/([a-z0-9][a-z0-9.-]+)(?:\/([A-Za-z0-9._/-]*))?$/.exec(place) ?? [];
  if (bucket === undefined) throw new InputError(`${place} is no bucket; give s3://BUCKET or s3://BUCKET/PREFIX`);
  const trimmed = path.replace(/\/+$/, "");
  // Services of one's own seldom have a host name for each bucket.
  const isOwnService = (env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL) !== undefined;
  // Loaded here: it is large, and few need it.
  const { S3Store } = await import("./s3-store.js");
  const client = isOwnService ? { forcePathStyle: true } : {};
  return new S3Store({ bucket, prefix: trimmed === "" ? "" : `${trimmed}/`, client });
}
