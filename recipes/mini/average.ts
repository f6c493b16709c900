/**
 * A model between two of one layout: each weight of UNet and face encoder is a mean of both models' weights. Between a model and what
 * further training made of it lie models that have some of either's strengths. Source: Wortsman 2022 (WiSE-FT), §3.
 *
 *     node --import tsx recipes/mini/average.ts EARLIER LATER SHARE OUT
 *
 * SHARE is that of the later model, 0 to 1. All else in OUT is the later one's.
 */
import { cpSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cast } from "../../src/tensor/convert.js";
import { openSafetensors, readTensor, writeSafetensors } from "../../src/tensor/safetensors.js";
import { f32, type Tensor } from "../../src/tensor/tensor.js";

const [earlier, later, given, out] = process.argv.slice(2);
const share = Number(given);
if (earlier === undefined || later === undefined || out === undefined || !(share >= 0 && share <= 1))
  throw new Error("usage: node --import tsx recipes/mini/average.ts EARLIER LATER SHARE OUT");

const partial = `${out}.partial`;
rmSync(partial, { recursive: true, force: true });
cpSync(later, partial, { recursive: true });
for (const path of ["arc2face/diffusion_pytorch_model.safetensors", "encoder/model.safetensors"]) {
  const [from, to] = await Promise.all([openSafetensors(join(earlier, path)), openSafetensors(join(later, path))]);
  const tensors = new Map<string, Tensor>();
  for (const [name, { dtype, shape }] of to.entries) {
    const [a, b] = [cast(await readTensor(from, name), "f32"), cast(await readTensor(to, name), "f32")];
    if (a.data.length !== b.data.length) throw new Error(`${name} has another shape in ${earlier}`);
    const mean = b.data.map((value, i) => share * value + (1 - share) * (a.data[i] as number));
    tensors.set(name, cast(f32(shape, mean), dtype));
  }
  await writeSafetensors(join(partial, path), tensors, { metadata: to.metadata });
}
renameSync(partial, out);
