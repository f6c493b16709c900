import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { chromiumPath, launchChromium, watchForTrouble } from "./browser.js";
import { keepFace, makeFour } from "./journey.js";
import { startTinyServer, type TinyServer } from "./tiny-server.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const folder = process.env.STUDIO_SCREENSHOTS ?? join(tmpdir(), "arc2face-studio-screenshots");

const devices = {
  desktop: { viewport: { width: 1440, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
} satisfies Record<string, BrowserContextOptions>;
const cases = (["desktop", "phone"] as const).flatMap((device) =>
  (["light", "dark"] as const).map((colorScheme) => [device, colorScheme] as const),
);

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** Every view, looked at by axe, and kept as a picture for people to look at. */
describe.skipIf(!chromiumPath)("every view", () => {
  let browser: Browser;
  let server: TinyServer;
  beforeAll(async () => {
    browser = await launchChromium();
    await mkdir(folder, { recursive: true });
    console.info(`screenshots go to ${folder}`);
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    server = await startTinyServer();
  });
  afterEach(() => server.close());

  /** @returns what is wrong */
  async function look(page: Page, name: string): Promise<string[]> {
    // Fades would be seen half-way.
    await page.waitForTimeout(400);
    await page.evaluate("scrollTo(0, 0)");
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
    const overflowPx = Number(await page.evaluate("document.documentElement.scrollWidth - innerWidth"));
    const overflow = overflowPx > 0 ? [`${name}: is ${overflowPx} pixels wider than the window`] : [];
    await page.evaluate(axe);
    const violations = (await page.evaluate("axe.run().then((result) => result.violations)")) as Violation[];
    const broken = violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${name}: ${id}: ${html.slice(0, 120)}: ${failureSummary}`),
    );
    return [...overflow, ...broken];
  }

  it.each(cases)("is without axe violations: %s, %s", async (device, colorScheme) => {
    // axe is put into the page, which the policy of the page forbids to all others.
    const options = { ...devices[device], colorScheme, bypassCSP: true, reducedMotion: "reduce" } as const;
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const trouble = watchForTrouble(page, server.url);
    const found: string[] = [];
    await visit(page, server.url, async (view) =>
      found.push(...(await look(page, `${view}-${device}-${colorScheme}`))),
    );
    expect(found).toEqual([]);
    expect(trouble).toEqual([]);
    await context.close();
  });
});

/** Goes through all views once, from an empty library on. */
async function visit(page: Page, url: string, see: (view: string) => Promise<unknown>): Promise<void> {
  const heading = (name: string) => page.getByRole("heading", { name, exact: true }).waitFor();
  await page.goto(url);
  await heading("One face, many images");
  await see("welcome");
  await page.goto(`${url}/#/identities`);
  await heading("No face yet");
  await see("faces-empty");
  await page.goto(`${url}/#/history`);
  await heading("Nothing here yet");
  await see("history-empty");
  await page.goto(`${url}/#/`);
  await keepFace(page, "Ada", () => see("new-face"));
  await see("create-empty");
  await makeFour(page, 4);
  await see("create");
  await page.goto(`${url}/#/nobody`);
  await page.getByRole("button", { name: "Draw 4 faces" }).click();
  await page.locator("figure a img").nth(3).waitFor({ timeout: 120_000 });
  await see("nobody");
  await page.goto(`${url}/#/`);
  await page.getByText("Between two").click();
  await page.getByRole("slider", { name: "How far between" }).press("ArrowRight");
  await see("between");
  await page.goto(`${url}/#/identities`);
  await heading("Faces");
  await see("faces");
  await page.getByRole("button", { name: "Rename Ada" }).click();
  await see("rename");
  await page.keyboard.press("Escape");
  await page.goto(`${url}/#/history`);
  await page.getByRole("list", { name: "Images of Ada" }).waitFor();
  await see("history");
  await page.getByRole("link", { name: "Ada", exact: true }).click();
  await page.getByRole("heading", { name: "Made from" }).waitFor();
  await see("generation");
  await page.locator("figure a").first().click();
  await page.getByText("What the file says").click();
  await see("image");
  await page.keyboard.press("ArrowRight");
  await page.getByRole("link", { name: "Image before" }).waitFor();
  await page.goto(`${url}/#/models`);
  await heading("Models");
  await see("models");
  await page.goto(`${url}/#/nowhere`);
  await heading("Nothing here");
  await see("missing");
  await page.goto(`${url}/#/identities`);
  await page.getByRole("button", { name: "Delete Ada" }).click();
  await see("delete");
}
