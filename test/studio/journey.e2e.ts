import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumPath, launchChromium, watchForTrouble } from "./browser.js";
import { travel } from "./journey.js";
import { startTinyServer, type TinyServer } from "./tiny-server.js";

describe.skipIf(!chromiumPath)("a person in the studio", () => {
  let browser: Browser;
  let server: TinyServer;
  beforeAll(async () => {
    [browser, server] = await Promise.all([launchChromium(), startTinyServer()]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it("uploads a portrait, watches four images come, finds them again, makes them again, and deletes all", async () => {
    const page = await browser.newPage();
    const trouble = watchForTrouble(page, server.url);
    // As many steps as may be: with fewer the tiny model is done on a quiet machine before a preview can be seen.
    await travel(page, server.url, server.dataFolder, 200);
    expect(trouble).toEqual([]);
  });
});
