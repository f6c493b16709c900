/**
 * Makes the model `mini` from two folders of faces. Every step goes on where it was interrupted, so that the same command
 * again finishes the work:
 *
 *     node --import tsx recipes/mini/make.ts FACES OUT [--quick]
 *
 * FACES holds `ffhq/` (FFHQ-aligned, 128x128) and `generated/` (studio portraits of people who do not exist). OUT gets the
 * datasets, the runs with their logs and sample sheets, and `mini/`, the model folder; with `--quick` also `mini-quick/`,
 * which is `mini` distilled to 4 steps.
 */
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { arc2face, recipePath, script } from "./arc2face.js";

const [faces, out, quick] = process.argv.slice(2);
if (faces === undefined || out === undefined || (quick !== undefined && quick !== "--quick"))
  throw new Error("usage: node --import tsx recipes/mini/make.ts FACES OUT [--quick]");
const at = (...names: string[]) => join(out, ...names);

const datasets = [
  { name: "generated", options: [] },
  { name: "ffhq", options: ["--aligned"] },
];
/** More people, and people in the studio, for the phase that teaches who is shown. */
const derived = [
  { name: "photo", from: ["mix", "ffhq"], options: ["-n", "14000", "--seed", "3"] },
  { name: "ffhq-studio", from: ["backdrop", "ffhq"], options: ["--seed", "7"] },
  { name: "photo-studio", from: ["backdrop", "photo"], options: ["--seed", "7"] },
] as const;
const dataOf = (sets: readonly { name: string }[]) => sets.flatMap(({ name }) => ["--data", at(name)]);
function train(method: string, name: string, sets: readonly { name: string }[], ...options: string[]) {
  // Recipes name what other steps made as it lies in the working directory.
  const recipe = at(`${name}.json`);
  writeFileSync(recipe, readFileSync(recipePath(name), "utf8").replaceAll('"file:', `"file:${out}/`));
  arc2face(
    ...["train", method, "--config", recipe, ...dataOf(sets), "--out", at(name), ...options],
    ...(existsSync(at(name, "run.json")) ? ["--resume"] : []),
  );
}

for (const { name, options } of datasets) {
  if (existsSync(at(name, "dataset.json"))) continue;
  arc2face("dataset", "prepare", join(faces, name), "--out", at(name), "--size", "128", ...options);
}
train("autoencoder", "autoencoder", datasets);
const autoencoder = ["--autoencoder", at("autoencoder", "model")];
function encode(sets: readonly { name: string }[]) {
  for (const { name } of sets) {
    const { latents } = JSON.parse(readFileSync(at(name, "dataset.json"), "utf8"));
    if (!latents) arc2face("dataset", "encode", at(name), ...autoencoder, "--mirror");
  }
}
encode(datasets);
train("base", "base", datasets, ...autoencoder);
for (const { name, from, options } of derived) {
  if (existsSync(at(name, "dataset.json"))) continue;
  const [command, source] = from;
  arc2face("dataset", command, at(source), "--out", at(name), ...options);
}
/**
 * The generated portraits are left out from then on: two in three are of women, and half of all look younger than 27. People of all ages
 * before the backdrop of the studio take their place.
 * `identity.json`, `own-images.json` and `distill.json` have the pseudo-prompts of these in this order.
 */
const people = [...datasets.filter(({ name }) => name !== "generated"), ...derived];
encode(derived);
const mapped = at("start-with-map");
if (!existsSync(mapped)) script("fit-identity-map", at("base", "model"), mapped, ...people.map(({ name }) => at(name)));
train("arc2face", "identity", people, "--start", mapped);
if (!existsSync(at("features", "seen.onnx"))) script("fit-features", at("features"), at("ffhq"));
train("arc2face", "own-images", people, "--start", at("identity", "model"));

const model = at("mini");
rmSync(model, { recursive: true, force: true });
cpSync(at("own-images", "model"), model, { recursive: true });
const manifest = join(model, "arc2face.json");
const licence = "Research only: trained on FFHQ (CC BY-NC-SA 4.0) and on generated portraits";
writeFileSync(manifest, `${JSON.stringify({ ...JSON.parse(readFileSync(manifest, "utf8")), licence }, null, 2)}\n`);
const identities = join(model, "identities.safetensors");
arc2face(
  ...["dataset", "identities", at("ffhq"), "--check", at("generated"), "--model", model, "--out", identities],
  ...["-n", "256"],
);

if (quick) {
  train("distill", "distill", people, "--start", model);
  const distilled = at("mini-quick");
  rmSync(distilled, { recursive: true, force: true });
  cpSync(at("distill", "model"), distilled, { recursive: true });
  cpSync(identities, join(distilled, "identities.safetensors"));
}
