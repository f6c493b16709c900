import { exportOnnx } from "../../src/graph/export.js";
import { matmul, transpose } from "../../src/graph/operators/index.js";
import { input } from "../../src/graph/value.js";
import { Session } from "../../src/runtime/session.js";
import type { Tensor } from "../../src/tensor/tensor.js";

/** Matrix products of a size for which plain loops are too slow. Call {@link release} at the end. */
export class Products {
  private constructor(
    private readonly plain: Session,
    private readonly first: Session,
    private readonly second: Session,
  ) {}

  static async load(): Promise<Products> {
    const [rows, inner, columns] = ["rows", "inner", "columns"];
    const load = (a: [string, string], b: [string, string], turn: "a" | "b" | undefined) => {
      const [x, y] = [input("a", "f32", a), input("b", "f32", b)];
      const product = matmul(turn === "a" ? transpose(x, [1, 0]) : x, turn === "b" ? transpose(y, [1, 0]) : y);
      return Session.load(exportOnnx({ inputs: [x, y], outputs: { product } }));
    };
    return new Products(
      await load([rows, inner], [inner, columns], undefined),
      await load([inner, rows], [inner, columns], "a"),
      await load([rows, inner], [columns, inner], "b"),
    );
  }

  /** a b, for a [n, k] and b [k, m]. */
  of = (a: Tensor<"f32">, b: Tensor<"f32">) => run(this.plain, a, b);
  /** a^T b, for a [k, n] and b [k, m]. */
  ofTransposed = (a: Tensor<"f32">, b: Tensor<"f32">) => run(this.first, a, b);
  /** a b^T, for a [n, k] and b [m, k]. */
  withTransposed = (a: Tensor<"f32">, b: Tensor<"f32">) => run(this.second, a, b);

  async release(): Promise<void> {
    await Promise.all([this.plain.release(), this.first.release(), this.second.release()]);
  }
}

async function run(session: Session, a: Tensor<"f32">, b: Tensor<"f32">): Promise<Tensor<"f32">> {
  return (await session.run({ a, b })).product as Tensor<"f32">;
}
