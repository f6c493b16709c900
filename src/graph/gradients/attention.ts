import { ShapeError } from "../../errors.js";
import { add, mul, product, reduceSum, reshape, softmax, sub, transpose } from "../operators/index.js";
import { floatAttribute, intAttribute } from "../operators/inference.js";
import { constant, size, type Value } from "../value.js";
import { evenly, joined, type Rule, splitInto } from "./rule.js";

/**
 * Bytes of one tokens x tokens matrix that the backward pass holds at a time (it holds three). Larger ones are worked
 * off in groups of heads: at 4096 tokens all eight heads of SD 1.5 would take half a gigabyte each.
 */
const groupBytes = 64 * 2 ** 20;

/**
 * Attention computes no tokens x tokens matrix on the way forward; on the way back the weights P = softmax(scale q k^T)
 * are computed again from queries and keys.
 * dV = P^T dY; dS = P * (dY V^T - rowsum(dY * Y)); dQ = scale dS K; dK = scale dS^T Q.
 * Source: Dao 2022, appendix B.
 */
export const attentionRule: Rule = ({ dy, y, x: [q, k, v, ...others], attributes }) => {
  if (others.some((operand) => operand !== undefined)) {
    throw new ShapeError("gradients: MultiHeadAttention has a rule for query, key and value only");
  }
  const heads = intAttribute(attributes, "num_heads", 1);
  const causal = intAttribute(attributes, "unidirectional", 0) === 1;
  const [batch, queries, keys] = [size(q, 0), size(q, 1), size(k, 1)];
  const scale = floatAttribute(attributes, "scale", 0) || 1 / Math.sqrt(size(q, 2) / heads);

  /** [N, T, heads * width] -> [N * heads, T, width] */
  const apart = (x: Value): Value => {
    const width = size(x, 2) / heads;
    return reshape(transpose(reshape(x, [batch, size(x, 1), heads, width]), [0, 2, 1, 3]), [
      batch * heads,
      size(x, 1),
      width,
    ]);
  };
  const together = (x: Value): Value => {
    const [tokens, width] = [size(x, 1), size(x, 2)];
    return reshape(transpose(reshape(x, [batch, heads, tokens, width]), [0, 2, 1, 3]), [batch, tokens, heads * width]);
  };
  const perHead = reduceSum(reshape(mul(dy, y), [batch, queries, heads, size(v, 2) / heads]), { axes: [3] });
  const dots = reshape(transpose(perHead, [0, 2, 1]), [batch * heads, queries, 1]);

  const widths = evenly(batch * heads, Math.floor(groupBytes / (4 * queries * keys)));
  const operands = [apart(q), apart(k), apart(v), apart(dy), dots].map((x) => splitInto(x, widths, 0));
  const results = widths.map((_, i) => {
    const [qs, ks, vs, dys, sums] = operands.map((parts) => parts[i]) as [Value, Value, Value, Value, Value];
    const logits = product(qs, ks, { transB: true, alpha: scale });
    const p = softmax(causal ? add(logits, causalMask(queries, keys)) : logits);
    const ds = mul(p, sub(product(dys, vs, { transB: true }), sums));
    return [
      product(ds, ks, { alpha: scale }),
      product(ds, qs, { transA: true, alpha: scale }),
      product(p, dys, { transA: true }),
    ];
  });
  return [0, 1, 2].map((operand) => {
    const parts = results.map((result) => result[operand] as Value);
    return together(joined(parts, 0));
  });
};

/** 0 where a query may look at a key, and a number that the softmax turns into 0 where the key comes later. */
function causalMask(queries: number, keys: number): Value {
  const data = Float32Array.from({ length: queries * keys }, (_, i) => (i % keys > Math.floor(i / keys) ? -1e30 : 0));
  return constant({ dtype: "f32", shape: [queries, keys], data });
}
