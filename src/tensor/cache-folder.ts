import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Absolute folder for what can be fetched or made again: downloads, compiled graphs. `ARC2FACE_CACHE`, else
 * `arc2face` in `XDG_CACHE_HOME`, else in the platform's cache folder.
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env.ARC2FACE_CACHE || join(platformCacheFolder(env), "arc2face");
}

function platformCacheFolder(env: NodeJS.ProcessEnv): string {
  if (env.XDG_CACHE_HOME) return env.XDG_CACHE_HOME;
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches");
  if (process.platform === "win32") return env.LOCALAPPDATA || join(homedir(), "AppData", "Local");
  return join(homedir(), ".cache");
}
