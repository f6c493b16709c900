import { expect, it } from "vitest";
import { withoutPaths } from "./without-paths.js";

it.each([
  ["there is no model folder at /srv/models/mine", "there is no model folder at mine"],
  ["/srv/my models/unet.safetensors: damaged; pull it again", "unet.safetensors: damaged; pull it again"],
  ["ENOENT: no such file, open '/home/a b/x.json'", "ENOENT: no such file, open 'x.json'"],
  [String.raw`C:\Users\Ada\m\config.json is not JSON`, "config.json is not JSON"],
  ["../../m/unet.onnx, ~/n/vae.onnx (/o/p)", "unet.onnx, vae.onnx (p)"],
  ["file:/srv/recogniser.onnx is not there", "file:recogniser.onnx is not there"],
])("leaves the last part of a path: %s", (message, shown) => {
  expect(withoutPaths(message)).toBe(shown);
});

it.each([
  "https://example.org/owner/repo answered 404; try again",
  "there is no hf:OWNER/REPO/file; give a name and/or a revision",
  "the photo is 3/4 empty: give another",
])("leaves other slashes alone: %s", (message) => {
  expect(withoutPaths(message)).toBe(message);
});
