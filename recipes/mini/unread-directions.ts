import { symmetricEigen } from "../../src/identity/symmetric-eigen.js";
import { cast } from "../../src/tensor/convert.js";
import { readTensor, type SafetensorsFile } from "../../src/tensor/safetensors.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { addTo } from "./matrices.js";
import type { Products } from "./products.js";

/** How much more the identity map counts than a layer of cross-attention: so much that it reads nothing. */
const weightOfMap = 1e4;

/**
 * Directions of the conditioning that the identity map does not read, and the values of cross-attention hardly do. What is put there
 * changes a trained network's images little at first, and is there to be learnt from.
 * @param unet  weights of a UNet with cross-attention
 * @param map   first layer of its identity map: [rank, width]
 * @returns orthonormal rows: [count, width]
 */
export async function unreadDirections(
  unet: SafetensorsFile,
  map: Tensor<"f32">,
  count: number,
  products: Pick<Products, "ofTransposed">,
): Promise<Float64Array> {
  const width = map.shape[1]!;
  const sum = new Float64Array(width * width);
  const add = async (layer: Tensor<"f32">, weight: number) => {
    const length = layer.data.reduce((total, value) => total + value ** 2, 0);
    addTo(sum, (await products.ofTransposed(layer, layer)).data, weight / length);
  };
  await add(map, weightOfMap);
  for (const name of unet.entries.keys()) {
    if (name.endsWith("attn2.to_v.weight")) await add(cast(await readTensor(unet, name), "f32"), 1);
  }
  return symmetricEigen(sum, width).vectors.subarray((width - count) * width);
}
