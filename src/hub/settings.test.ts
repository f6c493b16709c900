import { join } from "node:path";
import { expect, test } from "vitest";
import { readHubSettings } from "./settings.js";

test("the cache folder: ARC2FACE_CACHE, else inside XDG_CACHE_HOME", () => {
  expect(readHubSettings({ ARC2FACE_CACHE: "/c", XDG_CACHE_HOME: "/x" }).cacheFolder).toBe("/c");
  expect(readHubSettings({ XDG_CACHE_HOME: "/x" }).cacheFolder).toBe(join("/x", "arc2face"));
  expect(readHubSettings({}).cacheFolder).toMatch(/arc2face$/);
});

test("HF_ENDPOINT loses its last slash; an empty HF_TOKEN is none", () => {
  const settings = readHubSettings({ HF_ENDPOINT: "https://mirror.example/", HF_TOKEN: "" });
  expect(settings.endpoint).toBe("https://mirror.example");
  expect(settings.token).toBeUndefined();
});

test.each([
  ["1", true],
  ["ON", true],
  ["true", true],
  ["0", false],
  ["", false],
  [undefined, false],
])("HF_HUB_OFFLINE=%s is %s", (value, offline) => {
  expect(readHubSettings({ HF_HUB_OFFLINE: value }).offline).toBe(offline);
});
