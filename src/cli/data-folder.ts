import { homedir } from "node:os";
import { join } from "node:path";
import { withDefault } from "./command.js";
import { text } from "./read-options.js";

/** `--data`: where `serve` keeps what people made, and `keys` the keys. */
export const dataOption = withDefault(
  "--data <folder>",
  "where identities, images, the queue and keys are kept",
  text,
  defaultDataFolder(),
);

/** `ARC2FACE_DATA_FOLDER`, else `arc2face` in `XDG_DATA_HOME`, else in the platform's folder for data of programs. */
function defaultDataFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env.ARC2FACE_DATA_FOLDER || join(platformDataFolder(env), "arc2face");
}

function platformDataFolder(env: NodeJS.ProcessEnv): string {
  if (env.XDG_DATA_HOME) return env.XDG_DATA_HOME;
  if (process.platform === "darwin") return join(homedir(), "Library", "Application Support");
  if (process.platform === "win32") return env.APPDATA || join(homedir(), "AppData", "Roaming");
  return join(homedir(), ".local", "share");
}
