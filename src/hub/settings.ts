import { cacheFolder } from "../tensor/cache-folder.js";

/** Where weights are kept and how the hub is reached. */
export interface HubSettings {
  /** Absolute folder of the cache. */
  readonly cacheFolder: string;
  /** Base URL of the Hugging Face hub or of a mirror, without a slash at the end. */
  readonly endpoint: string;
  /** Access token; sent to `endpoint` only. */
  readonly token: string | undefined;
  /** Nothing is fetched: only what is cached may be used. */
  readonly offline: boolean;
}

/**
 * Reads the settings from environment variables: `ARC2FACE_CACHE` (else `XDG_CACHE_HOME`, else the platform's cache
 * folder), and, with the meaning they have in Hugging Face's own tools, `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE`.
 */
export function readHubSettings(env: NodeJS.ProcessEnv = process.env): HubSettings {
  return {
    cacheFolder: cacheFolder(env),
    endpoint: (env.HF_ENDPOINT || "https://huggingface.co").replace(/\/+$/, ""),
    token: env.HF_TOKEN || undefined,
    offline: /^(1|on|yes|true)$/i.test(env.HF_HUB_OFFLINE ?? ""),
  };
}
