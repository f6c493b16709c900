import type { Judge, Judges } from "../../src/evaluation/judges.js";
import type { Generator } from "../../src/evaluation/kept-images.js";
import type { Face } from "../../src/face/face-finder.js";
import { arcFaceTemplate } from "../../src/image/arcface.js";
import { type Image, solidImage } from "../../src/image/image.js";
import type { GenerationRecord } from "../../src/pipeline/metadata.js";
import type { GenerateRequest } from "../../src/pipeline/request.js";

/**
 * A world in which a face is one colour: red says whom an image shows, as an angle in degrees (0 to 180), and blue 255
 * says that it shows nobody.
 */
export const personPhoto = (degrees: number, sidePx = 128): Image => solidImage(sidePx, sidePx, [degrees, 10, 0]);

export const angle = (degrees: number): Float32Array =>
  Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180));

/** Embeds a face as the angle that its red says. */
function fakeJudge(name: string, threshold: number, error = 0): Judge {
  return {
    id: { name, sha256: "5".repeat(64) },
    calibration: { threshold },
    align: (image) => solidImage(1, 1, [image.data[0]!, 0, 0]),
    embed: async (crops) =>
      crops.map(({ data }) => ({
        embedding: angle(data[0]! + error),
        norm: 1,
        recogniser: { name, sha256: "5".repeat(64) },
      })),
  };
}

export const fakeJudges: Judges = {
  finder: {
    find: async ({ data }) => {
      const face: Face = {
        box: [0, 0, 112, 112],
        score: 1,
        landmarks: [],
        points5: arcFaceTemplate,
        disagreement: 0,
        rung: "as it is",
      };
      return data[2] === 255 ? [] : [face];
    },
  },
  recogniser: fakeJudge("first", 0.5),
  second: fakeJudge("second", 0.9),
};

/**
 * Makes the image of the person given, `turn(seed)` degrees further; undefined: an image of nobody.
 * @returns the generator, and the seeds that it made, in their order
 */
export function fakeGenerator(turn: (seed: number) => number | undefined): { model: Generator; made: number[] } {
  const made: number[] = [];
  const record = (request: GenerateRequest, seed: number): GenerationRecord => ({
    version: 1,
    model: { unet: "1".repeat(64), encoder: "2".repeat(64), autoencoder: "3".repeat(64), loras: [] },
    embedding: Buffer.from(Float32Array.from(request.faceEmbedding as Float32Array).buffer)
      .toString("hex")
      .padEnd(64, "0")
      .slice(0, 64),
    seed,
    sampler: "dpm++",
    steps: request.steps ?? 25,
    samplerOptions: {},
    guidanceScale: 1,
    widthPx: 128,
    heightPx: 128,
  });
  const seedsOf = ({ seed = 0, count = 1 }: GenerateRequest) => Array.from({ length: count }, (_, i) => seed + i);
  const model: Generator = {
    describe: (request) => seedsOf(request).map((seed) => record(request, seed)),
    async *generate(request) {
      const faceEmbedding = request.faceEmbedding as Float32Array;
      const degrees = Math.round((Math.atan2(faceEmbedding[1]!, faceEmbedding[0]!) * 180) / Math.PI);
      for (const seed of seedsOf(request)) {
        request.signal?.throwIfAborted();
        made.push(seed);
        const by = turn(seed);
        const picture = by === undefined ? solidImage(128, 128, [0, 0, 255]) : personPhoto(degrees + by);
        yield { ...picture, identity: 0, seed, record: record(request, seed), faceEmbedding };
      }
    },
  };
  return { model, made };
}
