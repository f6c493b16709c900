import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

const usualPaths = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

/** A Chromium of this machine, if there is one. */
export const chromiumPath = [process.env.CHROMIUM_PATH, ...usualPaths].find((path) => path && existsSync(path));
if (!chromiumPath) {
  console.warn(
    "skipped: the studio's tests, which need Chromium; install it (Debian: apt install chromium) or set CHROMIUM_PATH",
  );
}

export function launchChromium(...args: string[]): Promise<Browser> {
  if (!chromiumPath) throw new Error("no Chromium");
  // Containers rarely let Chromium make its sandbox; it opens no page but ours.
  return chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox", "--disable-dev-shm-usage", ...args] });
}

/** Notes what a page must never do: ask another host, log an error (a refusal by the CSP is one), throw. */
export function watchForTrouble(page: Page, origin: string): string[] {
  const trouble: string[] = [];
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !/^(data|blob):/.test(url)) trouble.push(`asked another host: ${url}`);
  });
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") trouble.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => trouble.push(`threw: ${error.message}`));
  return trouble;
}
