import { product, reshape, times } from "./operators/index.js";
import { windowedSize } from "./operators/linear.js";
import { type Dim, floats, size, type Value } from "./value.js";

/**
 * 3x3 convolutions as matrix products with a quarter of the multiplications (Winograd's F(4x4, 3x3)).
 *
 * Four outputs of a 3-tap filter g over six inputs d are A^T ((G g) * (B^T d)): 6 multiplications in the place of 12.
 * On both axes, Y = A^T ((G g G^T) * (B^T d B)) A; the product * of all tiles, samples and channels is 36 matrix
 * products [tiles * N, C] @ [C, O].
 *
 * Every transform is a matrix product over one whole axis of the map (tiles that overlap, and padding, are in the
 * matrix), and each leaves the axis that it makes in front, so that nothing is transposed on the way. The gradients
 * follow from the rule for products: they are transforms of the same sizes, and share this one's.
 *
 * Measured beside ONNX Runtime's Conv with a weight that is fed, on two AVX2 cores, processor time: 1.8 times as fast for
 * 32x96->96 16x16, 2.3 for 32x320->160 8x8, 1.8 for 32x224->224 4x4, 2.1 for 1x320->320 64x64.
 *
 * Source: Lavin & Gray 2016. The points are 0, +-1/sqrt 2, +-sqrt 2, infinity in the place of 0, +-1, +-2, infinity,
 * which halves the rounding error (1e-6 of the result's standard deviation; a plain sum makes 3e-7).
 */

const outputs = 4;
const kernel = 3;
/** Multiplications for a tile of one axis. */
const points = outputs + kernel - 1;
/**
 * Elements of the largest stored weight whose kernels are kept ready. mini's UNet, all below, takes 188 ms instead of 216 ms for 32 maps,
 * and as long as before for 2. Stable Diffusion's layers are above; there it was not measured.
 */
const mostStored = 800_000;

const r = Math.SQRT2;
/** B^T: [points, inputs of a tile] */
const inputTransform = [
  [1, 0, -2.5, 0, 1, 0],
  [0, -r, -2, r / 2, 1, 0],
  [0, r, -2, -r / 2, 1, 0],
  [0, -r / 2, -0.5, r, 1, 0],
  [0, r / 2, -0.5, -r, 1, 0],
  [0, 1, 0, -2.5, 0, 1],
];
/** G: [points, taps] */
const kernelTransform = [
  [1, 0, 0],
  [-2 / 3, -r / 3, -1 / 3],
  [-2 / 3, r / 3, -1 / 3],
  [1 / 6, r / 6, 1 / 3],
  [1 / 6, -r / 6, 1 / 3],
  [0, 0, 1],
];
/** A: [points, outputs of a tile] */
const outputTransform = [
  [1, 0, 0, 0],
  [1, r / 2, 1 / 2, r / 4],
  [1, -r / 2, 1 / 2, -r / 4],
  [1, r, 2, 2 * r],
  [1, -r, 2, -2 * r],
  [0, 0, 0, 1],
];

/** Zeros that are added to a map: [top, left, bottom, right]. */
export type Padding = readonly [number, number, number, number];

/**
 * Convolution with stride 1.
 * @param x      float32 [N, C, H, W], all sizes known but for N
 * @param weight float32 [O, C, 3, 3]
 * @returns      float32 [N, O, H', W']
 */
export function winogradConvolution(x: Value, weight: Value, [top, left, bottom, right]: Padding): Value {
  const [channels, outChannels] = [size(x, 1), size(weight, 0)];
  const batch = x.shape[0] as Dim;
  const rows = axisTransforms(size(x, 2), top, bottom);
  const columns = axisTransforms(size(x, 3), left, right);
  const transB = { transB: true };
  const transA = { transA: true };

  // [N, C, H, W] -> [v, tiles across, N, C, H] -> [v, u, tiles down, tiles across, N, C]
  const lines = product(columns.input, reshape(x, [times(channels * rows.from, batch), columns.from]), transB);
  const upright = reshape(lines, [points, times(columns.tiles * channels, batch), rows.from]);
  const tiles = times(rows.tiles * columns.tiles, batch);
  const inputs = reshape(product(rows.input, upright, transB), [points ** 2, tiles, channels]);

  const taps = reshape(weight, [outChannels * channels, kernel ** 2]);
  const kernels = reshape(product(kernelMatrix(), taps, transB), [points ** 2, outChannels, channels]);

  // [v, u, tiles down, tiles across, N, O] -> [v, tiles across, N, O, H'] -> [N, O, H', W']
  const products = product(inputs, kernels, transB);
  const stacked = reshape(products, [points, points * rows.tiles, times(columns.tiles * outChannels, batch)]);
  const standing = reshape(product(stacked, rows.output, transA), [
    points * columns.tiles,
    times(outChannels * rows.to, batch),
  ]);
  return reshape(product(standing, columns.output, transA), [batch, outChannels, rows.to, columns.to]);
}

/** The transforms of one axis. */
interface AxisTransforms {
  readonly from: number;
  readonly to: number;
  readonly tiles: number;
  /** float32 [points * tiles, from] */
  readonly input: Value;
  /** float32 [points * tiles, to] */
  readonly output: Value;
}

function axisTransforms(from: number, before: number, after: number): AxisTransforms {
  const to = windowedSize(from, kernel, 1, 1, before + after);
  const tiles = Math.ceil(to / outputs);
  const matrix = (transform: readonly number[][], width: number, start: number): Value => {
    const data = new Float32Array(points * tiles * width);
    for (const [point, factors] of transform.entries()) {
      for (let tile = 0; tile < tiles; tile++) {
        for (const [i, factor] of factors.entries()) {
          const place = outputs * tile + i - start;
          if (place >= 0 && place < width) data[(point * tiles + tile) * width + place] = factor;
        }
      }
    }
    return floats([...data], [points * tiles, width]);
  };
  return { from, to, tiles, input: matrix(inputTransform, from, before), output: matrix(outputTransform, to, 0) };
}

/** [points across * points down, taps]: the kernel's transform on both axes at once. */
function kernelMatrix(): Value {
  const rows = kernelTransform.flatMap((across) =>
    kernelTransform.map((down) => down.flatMap((y) => across.map((x) => y * x))),
  );
  return floats(rows.flat(), [points ** 2, kernel ** 2]);
}

/**
 * Whether products are the quicker way to compute such a convolution: multiplications of the transforms count for three,
 * because their matrices are narrow. The kernels of a weight that is stored are made once, and take four times its memory:
 * only small ones are worth that.
 * @param x      [N, C, H, W]
 * @param weight [O, C, kernel height, kernel width]; an input where it is trained
 */
export function isWinogradQuicker(x: Value, weight: Value, [top, left, bottom, right]: Padding): boolean {
  const isTrained = weight.origin.kind === "input";
  const batch = isTrained ? x.shape[0] : 1;
  const shape = [batch, ...x.shape.slice(1), ...weight.shape];
  if (!shape.every((width): width is number => typeof width === "number")) return false;
  const [images, channels, height, width, outChannels, , kernelHeight, kernelWidth] = shape as [
    ...[number, number, number, number],
    ...[number, number, number, number],
  ];
  if (kernelHeight !== kernel || kernelWidth !== kernel) return false;
  if (!isTrained && kernel ** 2 * channels * outChannels > mostStored) return false;
  const [toHeight, toWidth] = [height + top + bottom - 2, width + left + right - 2];
  const [down, across] = [toHeight, toWidth].map((to) => points * Math.ceil(to / outputs)) as [number, number];
  const transforms =
    across * height * (width + down) * images * channels +
    across * toHeight * (toWidth + down) * images * outChannels +
    (isTrained ? (points * kernel) ** 2 * channels * outChannels : 0);
  const products = down * across * images * channels * outChannels;
  return 9 * toHeight * toWidth * images * channels * outChannels > products + 3 * transforms;
}
