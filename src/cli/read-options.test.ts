import { InvalidArgumentError } from "commander";
import { expect, test } from "vitest";
import { fileEnding, interval, lora, number, oneOf, size, wholeNumber } from "./read-options.js";

test.each([
  [wholeNumber(1), "25", 25],
  [wholeNumber(0), "0", 0],
  [number(0), "1.5", 1.5],
  [number(0), "1e-3", 0.001],
  [number(0, 1), "1", 1],
  [oneOf(["lcm", "ddim"]), "ddim", "ddim"],
  [size, "512", [512, 512]],
  [size, "512x768", [512, 768]],
  [interval, "0.3,5", [0.3, 5]],
  [lora, "lcm.safetensors", { path: "lcm.safetensors" }],
  [lora, "lcm.safetensors:0.5", { path: "lcm.safetensors", scale: 0.5 }],
  [lora, "x:-1", { path: "x", scale: -1 }],
  [lora, "C:\\loras\\x.safetensors", { path: "C:\\loras\\x.safetensors" }],
  [lora, "C:\\loras\\x.safetensors:.5", { path: "C:\\loras\\x.safetensors", scale: 0.5 }],
])("%# reads %j", (read: (text: string) => unknown, text, expected) => {
  expect(read(text)).toEqual(expected);
});

test.each([
  [wholeNumber(1), ["0", "-1", "1.5", "", "1e3", "0x10", "ten", "9007199254740993"]],
  [wholeNumber(1, 9), ["10"]],
  [number(0), ["-0.1", "", " ", "NaN", "Infinity", "1,5"]],
  [number(0, 1), ["1.01"]],
  [oneOf(["lcm"]), ["LCM", ""]],
  [size, ["", "x", "512x", "x512", "512 x 512", "-1", "1e3", "512x512x3"]],
  [interval, ["", "1", "5,1", "1,1", "1,2,3", "a,b", "-1,2", ",5"]],
  [fileEnding(".svg", ".png"), ["roc.jpg", "svg", ""]],
  [lora, [""]],
])("%# refuses %2$j", (read: (text: string) => unknown, texts) => {
  for (const text of texts) expect(() => read(text), text).toThrow(InvalidArgumentError);
});
