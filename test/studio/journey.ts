import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { drawFace } from "./drawn-face.js";

/**
 * From a photo to a face of the library.
 * @param onReady called before it is kept, when all is filled in
 */
export async function keepFace(page: Page, name: string, onReady?: () => Promise<unknown>): Promise<void> {
  await page
    .getByLabel("Photo file")
    .setInputFiles({ name: "me.jpg", mimeType: "image/jpeg", buffer: await drawFace() });
  await page.getByRole("heading", { name: "Before it is kept" }).waitFor({ timeout: 120_000 });
  const keep = page.getByRole("button", { name: "Keep this face" });
  expect(await keep.isDisabled(), "without consent nothing is kept").toBe(true);
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Of someone else").check();
  expect(await keep.isDisabled(), "a face of someone who did not agree is not kept").toBe(true);
  await page.getByLabel("It is mine").check();
  await onReady?.();
  await keep.click();
  await page.getByRole("form", { name: "What to make" }).waitFor();
}

/**
 * Makes four images.
 * @param whileRunning called when they were asked for
 */
export async function makeFour(page: Page, steps: number, whileRunning?: () => Promise<unknown>): Promise<void> {
  await page.getByText("Fine-tuning").click();
  await page.getByLabel("Steps", { exact: true }).fill(String(steps));
  await page.getByRole("button", { name: "Make 4 images" }).click();
  await whileRunning?.();
  await page.getByText(/^4 images done/).waitFor({ timeout: 240_000 });
  expect(await shownImages(page)).toHaveLength(4);
}

/**
 * The way of a person through the studio: a photo, four images with previews, a reload, the history, the same images made
 * again, and everything of that face gone.
 */
export async function travel(page: Page, url: string, dataFolder: string, steps: number): Promise<void> {
  await page.goto(url);
  await page.getByRole("heading", { name: "One face, many images" }).waitFor();
  await keepFace(page, "Ada");
  const preview = page.locator('figure img[src^="data:image/"]').first();
  await makeFour(page, steps, () => preview.waitFor({ timeout: 120_000 }));

  await page.reload();
  await page.getByText(/^4 images done/).waitFor();
  await page.getByRole("link", { name: "History" }).click();
  await page.getByRole("heading", { name: "Ada" }).waitFor();
  const first = await imagesOf(page, await page.getByRole("list", { name: "Images of Ada" }).locator("img").all());
  expect(first).toHaveLength(4);

  await page.getByRole("button", { name: "Make it again" }).click();
  await page.getByText("the same as in the first run, to the last byte").waitFor({ timeout: 240_000 });
  const second = await imagesOf(page, await page.locator("figure a img").all());
  expect(second.map(({ url: address }) => address)).not.toEqual(first.map(({ url: address }) => address));
  expect(second.map(({ bytes }) => bytes.toString("hex"))).toEqual(first.map(({ bytes }) => bytes.toString("hex")));

  expect(await filesIn(dataFolder)).not.toEqual([]);
  await page.getByRole("link", { name: "Faces", exact: true }).click();
  await page.getByRole("button", { name: "Delete Ada" }).click();
  await page.getByRole("button", { name: "Delete for good" }).click();
  await page.getByRole("heading", { name: "No face yet" }).waitFor();
  expect(await filesIn(dataFolder)).toEqual([]);
  expect((await page.request.get(first[0]!.url)).status()).toBe(404);
}

async function shownImages(page: Page) {
  const images = await page.locator("figure a img").all();
  for (const image of images)
    await expect
      .poll(() => image.evaluate((element: unknown) => (element as { naturalWidth: number }).naturalWidth))
      .toBeGreaterThan(0);
  return images;
}

async function imagesOf(page: Page, elements: Awaited<ReturnType<typeof shownImages>>) {
  return Promise.all(
    elements.map(async (element) => {
      const url = new URL((await element.getAttribute("src")) as string, page.url()).href;
      return { url, bytes: await (await page.request.get(url)).body() };
    }),
  );
}

/** Pictures of the data folder: portraits and images. */
async function filesIn(dataFolder: string): Promise<string[]> {
  const entries = await readdir(join(dataFolder, "results"), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}
