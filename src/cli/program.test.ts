import { PassThrough, Readable } from "node:stream";
import { expect, test } from "vitest";
import { cli } from "../../test/support/cli.js";
import { runCli } from "./program.js";
import { version } from "./version.js";

test("--version", async () => {
  expect(await cli(["--version"])).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
});

test("the help of every command names its options with their defaults and units", async () => {
  const { status, stdout } = await cli(["generate", "--help"]);
  expect(status).toBe(0);
  const help = stdout.replace(/\s+/g, " ");
  for (const part of [
    "--steps <number> evaluations of the network for each image (default: the model's, else 25)",
    "(default: the model's, else 3)",
    "ddpm, ddim, euler, euler-a, dpm++, lcm (default: the model's, else dpm++)",
    "-n, --count <images> images of each person (default: 4)",
    "(default: random)",
    "official: 512",
    'auto, cpu, cuda, webgpu, dml, coreml (default: "auto")',
    "may be repeated",
    "Examples: arc2face generate me.jpg",
  ]) {
    expect(help).toContain(part);
  }
  // Every option says what happens without it, but help itself.
  const options = stdout
    .slice(stdout.indexOf("Options:"))
    .split(/\n {2}(?=-)/)
    .slice(1);
  expect(options).toHaveLength(25);
  const silent = options.filter((text) => !text.includes("default"));
  expect(silent.map((text) => text.split(" ")[0])).toEqual(["-h,"]);

  const { stdout: overview } = await cli(["--help"]);
  for (const name of ["generate", "info", "models"]) expect(overview).toContain(`\n  ${name} `);
  const { stdout: models } = await cli(["models", "--help"]);
  for (const name of ["list", "info", "pull", "verify"]) expect(models).toContain(`\n  ${name} `);
});

test.each([
  [[], "Usage: arc2face"],
  [["models"], "Usage: arc2face models"],
  [["generat"], "Did you mean generate?"],
  [["generate", "--model", "x"], "missing required argument 'face'"],
  [["generate", "x.json", "--model", "x", "--step", "3"], "Did you mean --steps?"],
  [["info", "a.png", "b.png"], "too many arguments"],
])("%j: exit status 2", async (args, message) => {
  const { status, stdout, stderr } = await cli(args);
  expect(stderr).toContain(message);
  expect([status, stdout]).toEqual([2, ""]);
});

test("an error that nobody foresaw is reported as a bug, with its stack", async () => {
  const stderr = new PassThrough();
  const context = { stderr, stdin: Readable.from([]), isTTY: false, signal: new AbortController().signal };
  const stdout = () => {
    throw new TypeError("the unforeseen");
  };
  expect(await runCli(["models", "list", "--json"], { ...context, stdout })).toBe(1);
  const text = String(stderr.read());
  expect(text).toMatch(/TypeError: the unforeseen\n +at /);
  expect(text).toContain(`This is a bug in arc2face ${version}`);
});
