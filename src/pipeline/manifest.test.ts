import { describe, expect, it } from "vitest";
import { CheckpointError } from "../errors.js";
import { parseManifest } from "./manifest.js";

const read = (json: unknown, maxPositions = 77) => parseManifest(json, maxPositions, "model/arc2face.json");

describe("parseManifest", () => {
  it("has the official values where a folder says nothing", () => {
    const { prompt, ...rest } = read({});
    expect(prompt.tokens).toHaveLength(77);
    expect(prompt.tokens.slice(0, 8)).toEqual([49406, 1125, 539, 320, 1014, 2533, 49407, 49407]);
    expect(prompt.idToken).toBe(1014);
    expect(prompt.unconditional).toEqual([49406, ...Array(76).fill(49407)]);
    expect(rest).toEqual({
      embeddingSize: 512,
      defaults: { sampler: "dpm++", steps: 25, guidanceScale: 3 },
    });
  });

  it("pads the official prompt to the encoder's positions", () => {
    expect(read({}, 9).prompt.tokens).toEqual([49406, 1125, 539, 320, 1014, 2533, 49407, 49407, 49407]);
  });

  it("keeps what a folder says, and fills in the rest", () => {
    const prompt = { tokens: [3, 5, 7], idToken: 5, unconditional: [3, 7, 7] };
    expect(read({ prompt, embeddingSize: 24, defaults: { steps: 4 }, licence: "MIT" })).toEqual({
      prompt,
      embeddingSize: 24,
      defaults: { sampler: "dpm++", steps: 4, guidanceScale: 3 },
      licence: "MIT",
    });
  });

  it.each([
    [{ prompt: { tokens: [3, 5], idToken: 4, unconditional: [3, 7] } }, "prompt: idToken does not occur in tokens"],
    [{ prompt: { tokens: [], idToken: 4, unconditional: [3] } }, "prompt.tokens: "],
    [{ prompt: { tokens: [-1], idToken: -1, unconditional: [3] } }, "prompt.tokens.0: "],
    [{ embeddingSize: 0 }, "embeddingSize: "],
    [{ recogniser: { name: "arcface", sha256: "abc" } }, "recogniser.sha256: "],
    [{ defaults: { steps: 2.5 } }, "defaults.steps: "],
    [{ defaults: { guidanceScale: -1 } }, "defaults.guidanceScale: "],
    [{ defaults: { sampler: "plms" } }, "defaults.sampler: "],
    [{ license: "MIT" }, "unknown keys license"],
  ])("refuses %j", (json, message) => {
    expect(() => read(json)).toThrow(CheckpointError);
    expect(() => read(json)).toThrow(message);
  });
});
