import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cli } from "../../test/support/cli.js";
import { fixture, readJson } from "../../test/support/fixtures.js";
import { encodePng, readGeneration } from "../image/encode.js";
import { solidImage } from "../image/image.js";
import { shellQuote } from "./shell.js";

let folder: string;
let image: string;
const name = "it's me & you.json";

/** Options that are nowhere a default. */
const options = [
  ...[
    "--model",
    fixture("tiny"),
    "--sampler",
    "lcm",
    "--steps",
    "3",
    "--guidance",
    "1.5",
    "--guidance-rescale",
    "0.25",
  ],
  ...[
    "--guidance-interval",
    "0.5,9",
    "--size",
    "24x16",
    "--device",
    "cpu",
    "--lora",
    `${fixture("lora/kohya.safetensors")}:0.75`,
  ],
];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "info-"));
  const { embedding } = (await readJson("pipeline/embedding.json")) as { embedding: number[] };
  const nobody = embedding.map(() => 1);
  await writeFile(join(folder, name), JSON.stringify([nobody, embedding]));
  const args = ["generate", join(folder, name), ...options, "--seed", "11", "-n", "2", "--out", folder];
  expect(await cli(args)).toMatchObject({ status: 0 });
  image = join(folder, "it's me & you-1-12.png");
});
afterAll(() => rm(folder, { recursive: true }));

/** The words of a command as a shell takes them apart. */
function words(commandLine: string): string[] {
  const program = "console.log(JSON.stringify(process.argv.slice(1)))";
  const shell = `node -e ${shellQuote(program)} -- ${commandLine}`;
  return JSON.parse(execFileSync("bash", ["-c", shell], { encoding: "utf8" }));
}

test("prints the command that makes the same image again, byte for byte", async () => {
  const { status, stdout } = await cli(["info", image]);
  expect(status).toBe(0);
  const commandLine = stdout.trimEnd().split("\n").at(-1) as string;
  const [program, verb, input, ...rest] = words(commandLine);
  expect([program, verb, input]).toEqual(["arc2face", "generate", name]);
  expect(rest).toEqual([
    ...["--model", fixture("tiny"), "--lora", `${fixture("lora/kohya.safetensors")}:0.75`, "--sampler", "lcm"],
    ...["--steps", "3", "--guidance", "1.5", "--guidance-rescale", "0.25", "--guidance-interval", "0.5,9"],
    ...["--count", "1", "--seed", "12", "--size", "24x16", "--device", "cpu"],
  ]);
  const again = join(folder, "again");
  await cli(["generate", join(folder, name), ...rest, "--out", again]);
  expect(await readFile(join(again, "it's me & you-1-12.png"))).toEqual(await readFile(image));
});

test("prints what the image holds", async () => {
  const { stdout } = await cli(["info", image]);
  expect(stdout).toContain("lcm, 3 steps\n");
  expect(stdout).toMatch(/details +stepsOffset 1, /);
  expect(stdout).toContain("scale 1.5, rescale 0.25, noise levels 0.5 to 9");
  expect(stdout).toContain("24x16 pixels");
  expect(stdout).toMatch(/embedding +sha256 [0-9a-f]{64}, number 1 of its file/);
  expect(stdout).toMatch(/lora +sha256 [0-9a-f]{64}, scale 0.75/);
});

test("--json prints the record and the command, and nothing else", async () => {
  const { stdout } = await cli(["info", image, "--json"]);
  const { generation, command, again } = JSON.parse(stdout);
  expect({ ...generation, command }).toEqual(readGeneration(await readFile(image)));
  expect(command).toMatchObject({ input: name, identity: 1, model: fixture("tiny"), device: "cpu" });
  expect(again).toMatch(/^arc2face generate 'it'\\''s me & you.json' --model /);
});

test("of an image that a program made through the library, leaves open what it does not know", async () => {
  const { generation } = JSON.parse((await cli(["info", image, "--json"])).stdout);
  const path = join(folder, "library.png");
  await writeFile(path, await encodePng(solidImage(8, 8, [1, 2, 3]), { generation }));
  const { stdout } = await cli(["info", path]);
  expect(stdout).toContain("arc2face generate EMBEDDING --model MODEL --lora LORA:0.75 --sampler lcm");
});

test("a stranger's image cannot act on the terminal or the shell", async () => {
  const { generation, command } = JSON.parse((await cli(["info", image, "--json"])).stdout);
  const evil = "-rf\u001b]0;owned\u0007\u009b2J$(id)`id`'\\\n\u202e.json";
  const made = { ...generation, command: { ...command, input: evil, version: "1\u001b[2J" } };
  const path = join(folder, "evil.png");
  await writeFile(path, await encodePng(solidImage(8, 8, [1, 2, 3]), { generation: made }));
  for (const json of [[], ["--json"]]) {
    const { stdout } = await cli(["info", path, ...json]);
    expect(stdout.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  }
  const { stdout } = await cli(["info", path]);
  expect(words(stdout.trimEnd().split("\n").at(-1) as string)[2]).toBe(`./${evil}`);
});

test.each([
  ["a PNG without a record", async () => encodePng(solidImage(8, 8, [1, 2, 3])), "does not say how it was made"],
  ["another file", async () => Buffer.from("GIF89a"), "not a PNG"],
  ["a cut PNG", async () => (await readFile(image)).subarray(0, 100), "cut short"],
  ["a sheet", async () => readFile(join(folder, "sheet.png")), "ask about one of the images"],
  [
    "a record of a later version",
    async () => encodePng(solidImage(8, 8, [1, 2, 3]), { generation: { version: 2 } }),
    "not readable",
  ],
  ["a record that is no object", async () => encodePng(solidImage(8, 8, [1, 2, 3]), { generation: 7 }), "not readable"],
])("%s: exit status 2", async (_, content, message) => {
  const path = join(folder, "other.png");
  await writeFile(path, await content());
  const { status, stdout, stderr } = await cli(["info", path]);
  expect(stderr).toContain(message);
  expect([status, stdout]).toEqual([2, ""]);
});

test("a missing file: exit status 2", async () => {
  expect(await cli(["info", join(folder, "nowhere.png")])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("no such file"),
  });
});
