import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { chromiumPath, launchChromium, watchForTrouble } from "./browser.js";
import { drawFace } from "./drawn-face.js";
import { focusByKeyboard } from "./keyboard.js";
import { startTinyServer, type TinyServer } from "./tiny-server.js";

/** The ways by which a photo comes into the studio, as a person takes them, in Chromium. */
describe.skipIf(!chromiumPath)("a photo", () => {
  let folder: string;
  let photo: string;
  let browser: Browser;
  let server: TinyServer;
  let page: Page;
  let trouble: string[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "arc2face-photos-"));
    photo = join(folder, "me.jpg");
    await writeFile(photo, await drawFace());
    // What a film of JPEGs shows is what the camera sees.
    const film = join(folder, "camera.mjpeg");
    await writeFile(film, await drawFace());
    browser = await launchChromium(
      "--use-fake-device-for-media-stream",
      `--use-file-for-fake-video-capture=${film}`,
      "--use-fake-ui-for-media-stream",
    );
    server = await startTinyServer();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await rm(folder, { recursive: true });
  });
  const open = async (options: BrowserContextOptions = {}) => {
    page = await browser.newPage(options);
    trouble = watchForTrouble(page, server.url);
    await page.goto(server.url);
    await page.getByRole("heading", { name: "One face, many images" }).waitFor();
  };
  beforeEach(() => open());
  afterEach(() => page.close());

  /** @returns size and colour, in the middle, of the photo that the studio shows */
  async function shownPhoto() {
    await page.getByRole("group", { name: "2 faces found. Which one?" }).waitFor();
    await page.getByRole("status").filter({ hasText: "A face was found. Now say whose it is." }).waitFor();
    return page.getByAltText("Your upload").evaluate(async (element) => {
      const image = element as unknown as { decode(): Promise<void>; naturalWidth: number; naturalHeight: number };
      await image.decode();
      const { naturalWidth: width, naturalHeight: height } = image;
      // biome-ignore lint/suspicious/noExplicitAny: the types of browsers are not those of this folder
      const context = new (globalThis as any).OffscreenCanvas(width, height).getContext("2d");
      context.drawImage(element, 0, 0);
      return {
        width,
        height,
        middle: [...context.getImageData(width / 2, height / 2, 1, 1).data.slice(0, 3)] as number[],
      };
    });
  }

  /** What the drawn face has in the middle of the picture. */
  const skin = [220, 175, 145];
  const isSkin = (colour: number[]) => colour.every((value, i) => Math.abs(value - skin[i]!) < 40);

  /** Drags a file over the page: the events that a browser tells of it, on what lies in the middle of the page. */
  const hold = (file: string) => drag(["dragenter", "dragover"], file);
  const letGo = (file: string) => drag(["dragover", "drop"], file);

  async function drag(types: readonly string[], file: string) {
    const type = file.endsWith(".jpg") ? "image/jpeg" : "text/plain";
    const parts = { name: basename(file), type, base64: (await readFile(file)).toString("base64") };
    await page.evaluate(`{
      const { name, type, base64 } = ${JSON.stringify(parts)};
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name, { type }));
      for (const type of ${JSON.stringify(types)})
        document
          .elementFromPoint(innerWidth / 2, innerHeight / 2)
          .dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
    }`);
  }

  it("is dropped on the first page", async () => {
    await hold(photo);
    await page.getByText("Let go to use this photo").waitFor();
    await letGo(photo);
    expect(await shownPhoto()).toMatchObject({ width: 512, height: 512 });
    expect(trouble).toEqual([]);
  });

  it("is dropped on any other page, which then shows what to do with it", async () => {
    await page.goto(`${server.url}/#/models`);
    await page.getByRole("heading", { name: "Models", exact: true }).waitFor();
    await hold(photo);
    await page.getByText("Let go to make a face of this photo").waitFor();
    await letGo(photo);
    await page.getByRole("heading", { name: "A new face" }).waitFor();
    expect(await shownPhoto()).toMatchObject({ width: 512, height: 512 });
    expect(trouble).toEqual([]);
  });

  it("that is no picture is refused in words", async () => {
    const text = join(folder, "notes.txt");
    await writeFile(text, "not a picture");
    await hold(text);
    await letGo(text);
    await page
      .getByRole("alert")
      .filter({ hasText: /not a picture|JPEG, PNG/ })
      .waitFor();
    expect(await page.getByText("Let go to use this photo").count()).toBe(0);
  });

  it("is pasted, wherever the focus is", async () => {
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    const png = (await sharp(photo).png().toBuffer()).toString("base64");
    await page.evaluate(async (base64) => {
      // biome-ignore lint/suspicious/noExplicitAny: the types of browsers are not those of this folder
      const { ClipboardItem, navigator } = globalThis as any;
      const blob = new Blob([Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))], {
        type: "image/png",
      });
      await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    }, png);
    await page.keyboard.press("Control+V");
    const { width, height, middle } = await shownPhoto();
    expect([width, height, isSkin(middle)], String(middle)).toEqual([512, 512, true]);
    // A second one, from a text field.
    await page.getByLabel("Name").focus();
    await page.keyboard.press("Control+V");
    await page.getByAltText("Your upload").nth(1).waitFor();
    expect(await page.getByLabel("Name").inputValue()).toBe("");
  });

  it("is taken by the camera, and nothing goes to the server before the button is pressed", async () => {
    const sent: string[] = [];
    page.on("request", (request) => request.method() === "POST" && sent.push(new URL(request.url()).pathname));
    await page.getByRole("button", { name: "Use the camera" }).click();
    const take = page.getByRole("button", { name: "Take the photo" });
    await expect.poll(() => take.isEnabled(), { timeout: 20_000 }).toBe(true);
    await page.getByRole("dialog", { name: "Camera" }).getByLabel("What the camera sees").waitFor();
    expect(sent).toEqual([]);
    await take.click();
    const { width, height, middle } = await shownPhoto();
    expect([width > 0, height > 0, isSkin(middle)], String(middle)).toEqual([true, true, true]);
    expect(sent).toEqual(["/api/v1/faces"]);
    expect(await page.getByRole("dialog").count()).toBe(0);
    expect(trouble).toEqual([]);
  });

  it("cannot be taken where there is no camera, and the studio says what to do", async () => {
    await page.addInitScript(() => {
      // biome-ignore lint/suspicious/noExplicitAny: the types of browsers are not those of this folder
      const { navigator, DOMException } = globalThis as any;
      navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException("", "NotFoundError");
      };
    });
    await page.reload();
    await page.getByRole("button", { name: "Use the camera" }).click();
    await page.getByRole("alert").filter({ hasText: "There is no camera. Choose a photo instead." }).waitFor();
    await page.keyboard.press("Escape");
    expect(await page.getByRole("dialog").count()).toBe(0);
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Use the camera");
  });

  it("becomes a face and images by the keyboard alone", async () => {
    const chooser = page.waitForEvent("filechooser");
    await focusByKeyboard(page, "Choose a photo");
    await page.keyboard.press("Enter");
    await (await chooser).setFiles(photo);
    await page.getByRole("group", { name: "2 faces found. Which one?" }).waitFor();
    await focusByKeyboard(page, "Face 1");
    await page.keyboard.press("ArrowRight");
    expect(await page.getByRole("radio", { name: "Face 2" }).isChecked()).toBe(true);
    await page.getByText("It will do, but another photo may do better").waitFor();
    await focusByKeyboard(page, "It is mine");
    await page.keyboard.press("Space");
    await focusByKeyboard(page, "Name");
    await page.keyboard.type("Ada");
    await page.keyboard.press("Enter");
    await page.getByRole("form", { name: "What to make" }).waitFor();
    await focusByKeyboard(page, "Make 4 images");
    await page.keyboard.press("Enter");
    await page
      .getByRole("status")
      .filter({ hasText: /^4 images done/ })
      .waitFor({ timeout: 240_000 });
    await focusByKeyboard(page, /^Ada, synthetic, seed \d+\. .*Look closer\.$/);
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "Next image" }).waitFor();
    await page.keyboard.press("ArrowRight");
    await page.getByRole("link", { name: "Image before" }).waitFor();
    expect(trouble).toEqual([]);
  });
});
