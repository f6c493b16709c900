/**
 * The paper's ablations in small, as a Markdown table: encoder against MLP projection (Fig. 8), and 10 %, 30 % and 100 % of the
 * data (Fig. 3). As in the paper, a projection that knows nothing is trained together with a UNet that knows images already, there
 * Stable Diffusion's, here mini's; all are trained equally long, and then evaluated. Each step goes on where it was
 * interrupted, so that the same command again finishes the work:
 *
 *     node --import tsx recipes/mini/ablations.ts DATA INPUTS OUT [STEPS]
 *
 * DATA holds the datasets `generated` and `ffhq` with the latents of mini's autoencoder, INPUTS photos of people who are in
 * neither. STEPS are updates of 32 images (default: 500, a quarter of an hour for each row on two cores).
 */
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { arc2face, recipePath } from "./arc2face.js";

const [data, inputs, out, steps = "500"] = process.argv.slice(2);
if (data === undefined || inputs === undefined || out === undefined)
  throw new Error("usage: node --import tsx recipes/mini/ablations.ts DATA INPUTS OUT [STEPS]");

const mini = join(import.meta.dirname, "../../weights/mini");
const datasets = ["generated", "ffhq"].flatMap((name) => ["--data", join(data, name)]);
const variants = [
  { name: "encoder, all data", projection: "encoder", dataShare: 1 },
  { name: "MLP, all data", projection: "mlp", dataShare: 1 },
  { name: "encoder, 30 % of the data", projection: "encoder", dataShare: 0.3 },
  { name: "encoder, 10 % of the data", projection: "encoder", dataShare: 0.1 },
];
const rows = variants.map(({ name, projection, dataShare }) => {
  const folder = join(out, name.replaceAll(/\W+/g, "-"));
  const [run, report] = [join(folder, "run"), join(folder, "evaluation")];
  // All networks learn at the full rate, other than in mini's recipe.
  const recipe = writeRecipe(folder, "identity", { steps: Number(steps), dataShare, parameters: [] });
  arc2face(
    ...["train", "arc2face", "--config", recipe, "--start", makeStart(projection), ...datasets, "--out", run],
    ...(existsSync(join(run, "run.json")) ? ["--resume"] : []),
  );
  arc2face("evaluate", "identity", "--model", join(run, "model"), "--inputs", inputs, "--count", "1", "--out", report);
  const found = JSON.parse(readFileSync(join(report, "summary.json"), "utf8"));
  const shares = [found.shareAboveThreshold, found.secondRecogniser.shareAboveThreshold, found.shareFaceFound];
  const [mine, other, faces] = shares.map((share: number) => `${Math.round(100 * share)} %`);
  const [likeness, between] = [found.meanSimilarity, found.crossSimilarity].map((cosine: number) => cosine.toFixed(2));
  return `| ${name} | ${likeness} | ${mine} | ${between} | ${other} | ${faces} |`;
});
console.log(
  [
    `| ${steps} updates | similarity | above the threshold | between people | independent recogniser: above its threshold | face found |`,
    "|---|---|---|---|---|---|",
    ...rows,
  ].join("\n"),
);

function writeRecipe(folder: string, name: string, changes: object): string {
  const path = join(folder, `${name}.json`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(recipePath(name), "utf8")), ...changes }));
  return path;
}

/** mini with a projection as training from nothing begins with. */
function makeStart(projection: string): string {
  const start = join(out as string, `start-${projection}`);
  if (existsSync(start)) return start;
  const [fresh, partial] = [`${start}.fresh`, `${start}.partial`];
  for (const folder of [fresh, partial]) rmSync(folder, { recursive: true, force: true });
  const learningRate = { peak: 1e-9 };
  const samples = { every: 1, count: 1, steps: 1 };
  const recipe = writeRecipe(fresh, "base", { steps: 1, learningRate, samples });
  const run = join(fresh, "run");
  arc2face(
    ...["train", "base", "--config", recipe, "--projection", projection, "--autoencoder", mini],
    ...[...datasets, "--out", run],
  );
  cpSync(mini, partial, { recursive: true });
  rmSync(join(partial, "encoder"), { recursive: true });
  cpSync(join(run, "model", "encoder"), join(partial, "encoder"), { recursive: true });
  rmSync(fresh, { recursive: true });
  renameSync(partial, start);
  return start;
}
