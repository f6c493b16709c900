import { expect, it } from "vitest";
import { createNoiseSchedule } from "../../src/diffusion/schedule.js";
import { stableDiffusion15 } from "../../src/diffusion/scheduler-config.js";
import { gradients } from "../../src/graph/gradients/index.js";
import { substitute } from "../../src/graph/substitute.js";
import type { Value } from "../../src/graph/value.js";
import { Weights } from "../../src/graph/weights.js";
import { AdversarialLoss } from "../../src/train/adversarial-loss.js";
import { levelOf, predictClean } from "../../src/train/predictions.js";
import { expectClose } from "../support/close.js";
import { Feeds, need, readTensors } from "../support/fixtures.js";

it("is two losses in one: the discriminator's of what is made, and the network's of a frozen discriminator", async () => {
  const tensors = await readTensors("adversarial/batch.safetensors");
  const schedule = createNoiseSchedule({
    ...stableDiffusion15.noise,
    ...{ predictionType: "v_prediction", zeroTerminalSnr: true },
  });
  const feeds = new Feeds();
  const feed = (key: string) => feeds.add(key, need(tensors, key));
  const paths = [...tensors.keys()].filter((key) => key.startsWith("weight/")).map((key) => key.slice(7));
  const parameters = new Map(paths.map((path) => [path, feed(`weight/${path}`)]));
  const read = new Set<string>();
  const weights = new Weights({
    has: (path) => parameters.has(path),
    get(path) {
      read.add(path);
      return parameters.get(path) as Value;
    },
  });
  const prediction = feed("prediction");
  const [latents, level] = [feed("latents"), levelOf(feed("adversarialSignal"))];
  const cleanOf = (output: Value) => predictClean("v_prediction", latents, output, level);
  const subject = {
    predicted: cleanOf(prediction),
    photo: cleanOf(feed("target")),
    faceEmbedding: feed("faceEmbedding"),
  };
  const loss = new AdversarialLoss({ weight: 0.25, widths: [16, 24], noise: 0.5 }, schedule, subject, weights);
  expect([...read].sort()).toEqual(paths.toSorted());
  const wanted = new Map([...parameters, ["prediction", prediction]]);
  const slopes = gradients(loss.loss, [...wanted.values()]);
  const names = [...wanted.keys()].map((path) => `gradient/${path}`);
  const outputs: Record<string, Value> = { ...loss.metrics };
  for (const [i, name] of names.entries()) outputs[name] = slopes[i] as Value;
  const fed = new Map(loss.inputs.map((value) => [value, feed(value.name as string)]));
  const values = substitute(Object.values(outputs), fed);
  const found = await feeds.run(Object.fromEntries(Object.keys(outputs).map((name, i) => [name, values[i] as Value])));
  for (const name of ["discriminator", "adversarial"]) expectClose(found[name], need(tensors, name), 1e-5, name);
  for (const name of names) expectClose(found[name], need(tensors, name), 1e-4, name);
});
