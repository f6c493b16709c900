import { mul, type ProductOptions, reshape } from "../operators/index.js";
import { floatAttribute, intAttribute } from "../operators/inference.js";
import type { Attributes, Value } from "../value.js";
import { alphaOf, count, multiply, type Rule, sizes } from "./rule.js";

/** Rules of matrix products. */

/**
 * y = alpha op(a) op(b). Batch axes that b lacks count as rows of a, so that b's gradient is one product that sums over
 * them, rather than a product for each and a sum.
 */
export const matMulRule: Rule = ({ dy, x: [a, b], attributes }) => {
  const { transA, transB, alpha } = productOptions(attributes);
  const da = transA
    ? multiply(b, dy, { transA: transB, transB: true, alpha })
    : multiply(dy, b, { transB: !transB, alpha });
  const merge = !transA && b.shape.length === 2 && a.shape.length > 2;
  const [rows, dRows] = merge ? [asRows(a), asRows(dy)] : [a, dy];
  const db = transB
    ? multiply(dRows, rows, { transA: true, transB: transA, alpha })
    : multiply(rows, dRows, { transA: !transA, alpha });
  return [da, db];
};

/** y = alpha op(a) op(b) + beta c. */
export const gemmRule: Rule = (node) => [...matMulRule(node), mul(node.dy, floatAttribute(node.attributes, "beta", 1))];

function productOptions(attributes: Attributes): Required<ProductOptions> {
  const flag = (name: string) => intAttribute(attributes, name, 0) === 1;
  return { transA: flag("transA"), transB: flag("transB"), alpha: alphaOf(attributes) };
}

/** [..., K] -> [rows, K] */
function asRows(x: Value): Value {
  const shape = sizes(x);
  return reshape(x, [count(shape.slice(0, -1)), shape.at(-1) as number]);
}
