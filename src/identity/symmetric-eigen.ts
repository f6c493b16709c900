/** Eigenvalues of a symmetric matrix, the largest first, with their vectors. */
export interface Eigen {
  readonly values: Float64Array;
  /** The vector of value i is row i, of unit length: [n, n]. */
  readonly vectors: Float64Array;
}

/**
 * Decomposes a symmetric matrix: Householder reflections make it tridiagonal, implicit QL steps make it diagonal, in
 * about 4 n³ operations.
 * Source: Bowdler, Martin, Reinsch & Wilkinson 1968, `tred2` and `tql2`.
 * @param matrix [n, n]; only its lower triangle is read
 */
export function symmetricEigen(matrix: Float64Array, n: number): Eigen {
  // Row j is what the algorithm calls column j: its inner loops run along columns, and here along memory.
  const z = Float64Array.from(matrix, (_, at) => {
    const [column, row] = [Math.floor(at / n), at % n];
    return matrix[Math.max(row, column) * n + Math.min(row, column)]!;
  });
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(n);
  tridiagonalize(z, n, diagonal, beside);
  diagonalize(z, n, diagonal, beside);
  const order = Array.from(diagonal.keys()).sort((a, b) => diagonal[b]! - diagonal[a]!);
  const vectors = new Float64Array(n * n);
  for (const [to, from] of order.entries()) vectors.set(z.subarray(from * n, (from + 1) * n), to * n);
  return { values: Float64Array.from(order, (i) => diagonal[i]!), vectors };
}

/** `tred2`: z becomes the reflections' product, d the diagonal, e what lies beside it (from index 1). */
function tridiagonalize(z: Float64Array, n: number, d: Float64Array, e: Float64Array): void {
  const last = n - 1;
  for (let j = 0; j < n; j++) d[j] = z[j * n + last]!;
  for (let i = last; i > 0; i--) {
    let scale = 0;
    for (let k = 0; k < i; k++) scale += Math.abs(d[k]!);
    let h = 0;
    if (scale === 0) {
      e[i] = d[i - 1]!;
      for (let j = 0; j < i; j++) {
        d[j] = z[j * n + i - 1]!;
        z[j * n + i] = 0;
        z[i * n + j] = 0;
      }
    } else {
      for (let k = 0; k < i; k++) {
        d[k]! /= scale;
        h += d[k]! ** 2;
      }
      const f = d[i - 1]!;
      const g = f > 0 ? -Math.sqrt(h) : Math.sqrt(h);
      e[i] = scale * g;
      h -= f * g;
      d[i - 1] = f - g;
      reflect(z, n, i, h, d, e);
    }
    d[i] = h;
  }
  accumulate(z, n, d);
  e[0] = 0;
}

/** Applies one reflection from both sides to the leading i rows and columns. */
function reflect(z: Float64Array, n: number, i: number, h: number, d: Float64Array, e: Float64Array): void {
  e.fill(0, 0, i);
  for (let j = 0; j < i; j++) {
    const f = d[j]!;
    z[i * n + j] = f;
    let g = e[j]! + z[j * n + j]! * f;
    for (let k = j + 1; k < i; k++) {
      g += z[j * n + k]! * d[k]!;
      e[k]! += z[j * n + k]! * f;
    }
    e[j] = g;
  }
  let f = 0;
  for (let j = 0; j < i; j++) {
    e[j]! /= h;
    f += e[j]! * d[j]!;
  }
  for (let j = 0; j < i; j++) e[j]! -= (f / (2 * h)) * d[j]!;
  for (let j = 0; j < i; j++) {
    const [dj, ej] = [d[j]!, e[j]!];
    for (let k = j; k < i; k++) z[j * n + k]! -= dj * e[k]! + ej * d[k]!;
    d[j] = z[j * n + i - 1]!;
    z[j * n + i] = 0;
  }
}

/** Multiplies the reflections out. */
function accumulate(z: Float64Array, n: number, d: Float64Array): void {
  const last = n - 1;
  for (let i = 0; i < last; i++) {
    z[i * n + last] = z[i * n + i]!;
    z[i * n + i] = 1;
    const next = (i + 1) * n;
    const h = d[i + 1]!;
    if (h !== 0) {
      for (let k = 0; k <= i; k++) d[k] = z[next + k]! / h;
      for (let j = 0; j <= i; j++) {
        let g = 0;
        for (let k = 0; k <= i; k++) g += z[next + k]! * z[j * n + k]!;
        for (let k = 0; k <= i; k++) z[j * n + k]! -= g * d[k]!;
      }
    }
    z.fill(0, next, next + i + 1);
  }
  for (let j = 0; j < n; j++) {
    d[j] = z[j * n + last]!;
    z[j * n + last] = 0;
  }
  z[last * n + last] = 1;
}

/** `tql2`: d becomes the eigenvalues, the rows of z their vectors. */
function diagonalize(z: Float64Array, n: number, d: Float64Array, e: Float64Array): void {
  e.copyWithin(0, 1);
  e[n - 1] = 0;
  let shift = 0;
  let largest = 0;
  for (let l = 0; l < n; l++) {
    largest = Math.max(largest, Math.abs(d[l]!) + Math.abs(e[l]!));
    const tiny = Number.EPSILON * largest;
    let m = l;
    while (Math.abs(e[m]!) > tiny) m++;
    while (m > l && Math.abs(e[l]!) > tiny) shift += qlStep(z, n, l, m, d, e);
    d[l]! += shift;
    e[l] = 0;
  }
}

/** One implicit QL step between l and m. @returns by how much the diagonal was shifted */
function qlStep(z: Float64Array, n: number, l: number, m: number, d: Float64Array, e: Float64Array): number {
  const g0 = d[l]!;
  const p0 = (d[l + 1]! - g0) / (2 * e[l]!);
  const r0 = p0 < 0 ? -Math.hypot(p0, 1) : Math.hypot(p0, 1);
  d[l] = e[l]! / (p0 + r0);
  d[l + 1] = e[l]! * (p0 + r0);
  const second = d[l + 1]!;
  const shift = g0 - d[l]!;
  for (let i = l + 2; i < n; i++) d[i]! -= shift;
  let p = d[m]!;
  let [c, c2, c3] = [1, 1, 1];
  let [s, s2] = [0, 0];
  const besideSecond = e[l + 1]!;
  for (let i = m - 1; i >= l; i--) {
    c3 = c2;
    c2 = c;
    s2 = s;
    const [g, h, r] = [c * e[i]!, c * p, Math.hypot(p, e[i]!)];
    e[i + 1] = s * r;
    s = e[i]! / r;
    c = p / r;
    p = c * d[i]! - s * g;
    d[i + 1] = h + s * (c * g + s * d[i]!);
    for (let k = i * n; k < (i + 1) * n; k++) {
      const upper = z[k + n]!;
      z[k + n] = s * z[k]! + c * upper;
      z[k] = c * z[k]! - s * upper;
    }
  }
  p = (-s * s2 * c3 * besideSecond * e[l]!) / second;
  e[l] = s * p;
  d[l] = c * p;
  return shift;
}
