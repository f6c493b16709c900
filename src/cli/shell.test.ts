import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { pathArgument, shellQuote } from "./shell.js";

test.each([
  ["models/arc2face", "models/arc2face"],
  ["hf:owner/repo@v1.0", "hf:owner/repo@v1.0"],
  ["", "''"],
  ["two words", "'two words'"],
  ["it's", `'it'\\''s'`],
  ["$(id)", "'$(id)'"],
  ["~/models", "'~/models'"],
  ["Zoë", "'Zoë'"],
  ["a\nb'\\", `$'a\\U0000000ab\\'\\\\'`],
])("quotes %j as %s", (argument, quoted) => {
  expect(shellQuote(argument)).toBe(quoted);
});

test("bash reads back what was quoted", () => {
  const characters = [..."aZ09 \t\n'\"\\$`!#&|;<>()[]{}*?~=%^\u001b\u007f\u009b\u200f\u2028é漢🙂"];
  const words = characters.flatMap((character) => [character, `x${character}1`, `${character}${character}`]);
  const script = `printf '%s\\0' ${words.map(shellQuote).join(" ")}`;
  const env = { ...process.env, LC_ALL: "C.UTF-8" };
  expect(execFileSync("bash", ["-c", script], { encoding: "utf8", env }).split("\0").slice(0, -1)).toEqual(words);
});

test("a path is never an option", () => {
  expect(pathArgument("--help")).toBe("./--help");
  expect(pathArgument("me.json")).toBe("me.json");
});
