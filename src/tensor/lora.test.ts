import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CheckpointError } from "../errors.js";
import { readLora, weightModules } from "./lora.js";
import { loraNameReader } from "./lora-names.js";
import { openSafetensors, writeSafetensors } from "./safetensors.js";
import { f32, type Shape, type Tensor, zeros } from "./tensor.js";

const q = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";
const out = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0";
const feedForward = "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj";
const conv = "up_blocks.1.resnets.2.conv1";
const time = "up_blocks.1.resnets.2.time_emb_proj";
const textQ = "text_model.encoder.layers.3.self_attn.q_proj";
const textOut = "text_model.encoder.layers.3.self_attn.out_proj";
const modules = { unet: [q, out, feedForward, conv, time], text_encoder: [textQ, textOut] };

describe("names", () => {
  const read = loraNameReader(modules);
  test.each([
    ["PEFT", `unet.base_model.model.${q}.lora_A.weight`, "unet", q, "down"],
    ["PEFT with adapter", `base_model.model.${q}.lora_B.default.weight`, "unet", q, "up"],
    [
      "PEFT without prefix, found by its module",
      `base_model.model.${textQ}.lora_A.weight`,
      "text_encoder",
      textQ,
      "down",
    ],
    ["diffusers", `unet.${out}.lora_B.weight`, "unet", out, "up"],
    ["diffusers, text", `text_encoder.${textQ}.lora_A.weight`, "text_encoder", textQ, "down"],
    ["older diffusers", `unet.${out}.lora.down.weight`, "unet", out, "down"],
    ["older diffusers, text", `text_encoder.${textQ}.lora_linear_layer.up.weight`, "text_encoder", textQ, "up"],
    ["processors", `unet.${q.replace("to_q", "processor.to_q")}_lora.down.weight`, "unet", q, "down"],
    ["processors, last projection", `${out.replace("to_out.0", "processor.to_out")}_lora.up.weight`, "unet", out, "up"],
    [
      "processors, text",
      `text_encoder.${textOut.replace("out_proj", "to_out")}_lora.up.weight`,
      "text_encoder",
      textOut,
      "up",
    ],
    ["kohya attention", `lora_unet_${out.replaceAll(".", "_")}.lora_down.weight`, "unet", out, "down"],
    ["kohya feed-forward", `lora_unet_${feedForward.replaceAll(".", "_")}.lora_up.weight`, "unet", feedForward, "up"],
    ["kohya conv", `lora_unet_${conv.replaceAll(".", "_")}.alpha`, "unet", conv, "alpha"],
    ["kohya time", `lora_unet_${time.replaceAll(".", "_")}.lora_up.weight`, "unet", time, "up"],
    ["kohya text", `lora_te_${textQ.replaceAll(".", "_")}.lora_down.weight`, "text_encoder", textQ, "down"],
    ["alpha in diffusers", `unet.${q}.lora.alpha`, "unet", q, "alpha"],
  ] as const)("%s", (_, name, target, module, part) => {
    expect(read(name)).toEqual({ target, module, part });
  });

  test.each([
    ["DoRA", `unet.${q}.lora_magnitude_vector`, /no LoRA tensor that is known/],
    ["LoHa", `lora_unet_${conv.replaceAll(".", "_")}.hada_w1_a`, /no LoRA tensor that is known/],
    ["a bias", `unet.${q}.lora_B.bias`, /no LoRA tensor that is known/],
    ["SDXL's second text encoder", "lora_te2_text_model_encoder.lora_up.weight", /does not have/],
    ["a module of another network", `unet.${textQ}.lora_A.weight`, /this unet does not have/],
    ["kohya's name of another module", "lora_unet_input_blocks_1_1.alpha", /this unet does not have/],
    ["a key of an object's prototype", "lora_unet___proto__.alpha", /does not have/],
    ["a bare ending", "_lora.down.weight", /does not have/],
  ])("refuses %s", (_, name, message) => {
    expect(() => read(name)).toThrow(CheckpointError);
    expect(() => read(name)).toThrow(message);
  });

  test("refuses a flattened name that two modules share", () => {
    const ambiguous = loraNameReader({ unet: ["a.b_c", "a_b.c"] });
    expect(() => ambiguous("lora_unet_a_b_c.alpha")).toThrow(/a\.b_c or a_b\.c/);
    expect(ambiguous("a_b.c.lora_A.weight").module).toBe("a_b.c");
  });
});

describe("files", () => {
  let folder: string;
  let path: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lora-"));
    path = join(folder, "lora.safetensors");
  });
  afterAll(() => rm(folder, { recursive: true }));

  const pair = (down: Shape, up: Shape): [string, Tensor][] => [
    [`unet.${q}.lora_A.weight`, zeros("f32", down)],
    [`unet.${q}.lora_B.weight`, zeros("f32", up)],
  ];
  async function read(tensors: [string, Tensor][], metadata = {}) {
    await writeSafetensors(path, tensors, { metadata });
    return readLora(await openSafetensors(path), modules);
  }

  test("pairs with and without alpha", async () => {
    const flat = `lora_unet_${conv.replaceAll(".", "_")}`;
    const tensors: [string, Tensor][] = [
      ...pair([2, 3], [5, 2]),
      [`${flat}.lora_down.weight`, zeros("f16", [4, 7, 3, 3])],
      [`${flat}.lora_up.weight`, zeros("f16", [9, 4, 1, 1])],
      [`${flat}.alpha`, f32([], [8])],
    ];
    expect(await read(tensors)).toEqual([
      { target: "unet", module: conv, down: `${flat}.lora_down.weight`, up: `${flat}.lora_up.weight`, alpha: 8 },
      { target: "unet", module: q, down: `unet.${q}.lora_A.weight`, up: `unet.${q}.lora_B.weight` },
    ]);
  });

  test("alpha from the metadata that diffusers writes", async () => {
    const settings = { "unet.lora_alpha": 6, "unet.alpha_pattern": {} as Record<string, number> };
    const alphaWith = async () =>
      (await read(pair([2, 3], [5, 2]), { lora_adapter_metadata: JSON.stringify(settings) }))[0]?.alpha;
    expect(await alphaWith()).toBe(6);
    settings["unet.alpha_pattern"] = { "attn1.to_q": 3, o_q: 4 };
    expect(await alphaWith()).toBe(3);
  });

  test("refuses what does not fit together", async () => {
    const whole = pair([2, 3], [5, 2]);
    await expect(read(whole.slice(0, 1))).rejects.toThrow(/has no up tensor/);
    await expect(read(whole.slice(1))).rejects.toThrow(/has no down tensor/);
    await expect(read(pair([2, 3], [5, 3]))).rejects.toThrow(/no common rank/);
    await expect(read([...whole, [`unet.${q}.lora.down.weight`, zeros("f32", [2, 3])]])).rejects.toThrow(/second down/);
    await expect(read([...whole, [`unet.${q}.alpha`, f32([2], [1, 2])]])).rejects.toThrow(/one finite number/);
    await expect(read([...whole, [`unet.${q}.alpha`, f32([], [Number.NaN])]])).rejects.toThrow(/one finite number/);
    await expect(read(whole, { lora_adapter_metadata: "{" })).rejects.toThrow(/not a JSON object/);
    await expect(read(whole, { lora_adapter_metadata: '{"unet.use_rslora":true}' })).rejects.toThrow(/use_rslora/);
  });
});

test("files that diffusers and kohya write name the same modules of the tiny UNet", async () => {
  const fixtures = new URL("../../test/fixtures/", import.meta.url).pathname;
  const unet = await openSafetensors(`${fixtures}tiny/arc2face/diffusion_pytorch_model.safetensors`);
  const known = { unet: weightModules(unet.entries.keys()) };
  const open = async (naming: string) =>
    readLora(await openSafetensors(`${fixtures}lora/${naming}.safetensors`), known);
  const [peft, kohya, diffusers] = await Promise.all(["peft", "kohya", "diffusers"].map(open));
  const paths = (pairs: typeof peft) => pairs!.map(({ module }) => module).sort();
  expect(peft).toHaveLength(79);
  expect(paths(kohya)).toEqual(paths(peft));
  expect(paths(diffusers)).toEqual(paths(peft).filter((module) => module.includes(".attn")));
  expect(kohya!.every(({ alpha }) => alpha === 2)).toBe(true);
});
