import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What is tested is what the sources say now, built as it is shipped. */
export default function buildStudio(): void {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const vite = fileURLToPath(new URL("../../node_modules/vite/bin/vite.js", import.meta.url));
  const env = { ...process.env, NODE_ENV: "production" };
  const { status, stderr } = spawnSync(process.execPath, [vite, "build", "studio"], {
    cwd: root,
    env,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`the studio could not be built: ${stderr}`);
}
