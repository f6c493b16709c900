import { describe, expect, it } from "vitest";
import { expectZeroStart } from "../../test/support/zero-start.js";
import { exportOnnx } from "../graph/export.js";
import { input } from "../graph/value.js";
import { InputWeights, Weights } from "../graph/weights.js";
import { Session } from "../runtime/session.js";
import { TorchGenerator } from "../tensor/random.js";
import { f32, type Tensor, tensor } from "../tensor/tensor.js";
import { parseFaceEncoderConfig, squaredIdentity } from "./face-encoder.js";
import { projectFace } from "./projection.js";

const [people, embeddingSize, squares, width] = [3, 5, 4, 6] as const;

/** Embeddings of length 1 of all but the last, which is nobody. */
function makeFaces(rng: TorchGenerator): Tensor<"f32"> {
  const faces = rng.randn([people, embeddingSize]);
  for (let n = 0; n < people; n++) {
    const row = faces.data.subarray(n * embeddingSize, (n + 1) * embeddingSize);
    const length = Math.hypot(...row);
    row.set(row.map((value) => (n === people - 1 ? 0 : value / length)));
  }
  return faces;
}

const drawn = (source: InputWeights, rng: TorchGenerator): Record<string, Tensor<"f32">> =>
  Object.fromEntries(
    Array.from(source.parameters, ([name, { value }]) => [name, rng.randn(value.shape as number[])] as const),
  );

describe("squaredIdentity", () => {
  const build = () => {
    const source = new InputWeights();
    const face = input("face", "f32", [people, embeddingSize]);
    return { source, face, term: squaredIdentity(new Weights(source), squares, width, face) };
  };

  it("is linear in the squares of projections, and nothing for nobody", async () => {
    const { source, face, term } = build();
    const rng = new TorchGenerator(5);
    const weights = drawn(source, rng);
    expect(Object.keys(weights).sort()).toEqual(["down.weight", "up.bias", "up.weight"]);
    const faces = makeFaces(rng);
    const inputs = [face, ...Array.from(source.parameters.values(), ({ value }) => value)];
    const session = await Session.load(exportOnnx({ inputs, outputs: { term } }));
    const found = (await session.run({ face: faces, ...weights })).term as Tensor<"f32">;
    await session.release();

    const at = (name: string) => weights[name]!.data;
    const plain = Array.from({ length: people }, (_, n) => {
      const row = faces.data.subarray(n * embeddingSize, (n + 1) * embeddingSize);
      const projected = Array.from({ length: squares }, (_, r) =>
        row.reduce((sum, value, i) => sum + value * at("down.weight")[r * embeddingSize + i]!, 0),
      );
      return Array.from({ length: width }, (_, d) =>
        n === people - 1
          ? 0
          : projected.reduce(
              (sum, value, r) => sum + value ** 2 * at("up.weight")[d * squares + r]!,
              at("up.bias")[d]!,
            ),
      );
    }).flat();
    expect(found.shape).toEqual([people, 1, width]);
    for (const [i, value] of plain.entries()) expect(found.data[i]).toBeCloseTo(value, 4);
  });

  it("adds nothing before it is trained", () => {
    const { source } = build();
    expectZeroStart(source, ["up.weight", "up.bias"]);
  });
});

describe("projectFace", () => {
  const size = { vocab_size: 6, hidden_size: width, intermediate_size: 8, num_hidden_layers: 1 };
  const plainConfig = parseFaceEncoderConfig({ ...size, num_attention_heads: 2, max_position_embeddings: 3 });

  it("adds the squares to every token, where the configuration asks for them", async () => {
    const source = new InputWeights();
    const w = new Weights(source);
    const tokens = input("tokens", "i64", [people, 3]);
    const face = input("face", "f32", [people, embeddingSize]);
    const project = (identitySquares?: number) =>
      projectFace(w, { ...plainConfig, identity_squares: identitySquares }, tokens, face, 4);
    const outputs = { plain: project(), squared: project(squares) };
    const term = squaredIdentity(w.at("identity_squares"), squares, width, face);
    const inputs = [tokens, face, ...Array.from(source.parameters.values(), ({ value }) => value)];
    const session = await Session.load(exportOnnx({ inputs, outputs: { ...outputs, term } }));
    const rng = new TorchGenerator(6);
    const ids = tensor("i64", [people, 3], BigInt64Array.from([0, 4, 1, 0, 4, 1, 0, 2, 2], BigInt));
    const found = await session.run({ tokens: ids, face: makeFaces(rng), ...drawn(source, rng) });
    await session.release();
    const values = (name: string) => (found[name] as Tensor<"f32">).data;
    const expected = f32(
      [people, 3, width],
      values("plain").map((value, i) => value + values("term")[Math.floor(i / (3 * width)) * width + (i % width)]!),
    );
    expect(found.squared?.shape).toEqual([people, 3, width]);
    for (const [i, value] of expected.data.entries()) expect(values("squared")[i]).toBeCloseTo(value, 4);
    expect(values("squared")).not.toEqual(values("plain"));
  });

  it("refuses a number of squares that is none", () => {
    expect(() => parseFaceEncoderConfig({ ...size, num_attention_heads: 2, identity_squares: 0 })).toThrow(
      /identity_squares/,
    );
  });
});
