/**
 * The paper's ablations in small, as a Markdown table: encoder against MLP projection (Fig. 8), and 10 %, 30 % and 100 % of the
 * data (Fig. 3). Every network is trained from nothing, as long as the others, and then evaluated; the UNet has half of mini's
 * width, so that two cores train it on some 75 images a second. Each step goes on where it was interrupted, so that the same
 * command again finishes the work:
 *
 *     node --import tsx recipes/mini/ablations.ts DATA INPUTS OUT [STEPS]
 *
 * DATA holds the datasets `generated` and `ffhq` with the latents of mini's autoencoder, INPUTS photos of people who are in
 * neither. STEPS are updates of 32 images (default: 5000, over half an hour for each network).
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { arc2face, recipePath } from "./arc2face.js";

const [data, inputs, out, steps = "5000"] = process.argv.slice(2);
if (data === undefined || inputs === undefined || out === undefined)
  throw new Error("usage: node --import tsx recipes/mini/ablations.ts DATA INPUTS OUT [STEPS]");

const mini = join(import.meta.dirname, "../../weights/mini");
const variants = [
  { name: "encoder, all data", projection: "encoder", dataShare: 1 },
  { name: "MLP, all data", projection: "mlp", dataShare: 1 },
  { name: "encoder, 30 % of the data", projection: "encoder", dataShare: 0.3 },
  { name: "encoder, 10 % of the data", projection: "encoder", dataShare: 0.1 },
];
const rows = variants.map(({ name, projection, dataShare }) => {
  const folder = join(out, name.replaceAll(/\W+/g, "-"));
  const [config, run, report] = [join(folder, "recipe.json"), join(folder, "run"), join(folder, "evaluation")];
  mkdirSync(folder, { recursive: true });
  const base = JSON.parse(readFileSync(recipePath("base"), "utf8"));
  const unet = { ...base.unet, block_out_channels: [32, 64, 96] };
  const learningRate = { ...base.learningRate, shape: "cosine" };
  writeFileSync(config, JSON.stringify({ ...base, steps: Number(steps), dataShare, unet, learningRate }));
  arc2face(
    ...["train", "base", "--config", config, "--projection", projection, "--autoencoder", mini, "--out", run],
    ...["generated", "ffhq"].flatMap((dataset) => ["--data", join(data, dataset)]),
    ...(existsSync(join(run, "run.json")) ? ["--resume"] : []),
  );
  arc2face("evaluate", "identity", "--model", join(run, "model"), "--inputs", inputs, "--count", "1", "--out", report);
  const { meanSimilarity, crossSimilarity, shareFaceFound, secondRecogniser } = JSON.parse(
    readFileSync(join(report, "summary.json"), "utf8"),
  );
  const figures = [meanSimilarity, crossSimilarity, shareFaceFound, secondRecogniser.meanSimilarity];
  return `| ${name} | ${figures.map((figure: number) => figure.toFixed(2)).join(" | ")} |`;
});
console.log(`| ${steps} updates | similarity | between people | face found | second recogniser |`);
console.log(["|---|---|---|---|---|", ...rows].join("\n"));
