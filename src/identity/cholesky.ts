import { InputError } from "../errors.js";

/** Place of (row, column), column <= row, in a lower triangle that is kept row by row. */
const at = (row: number, column: number): number => (row * (row + 1)) / 2 + column;

/**
 * The lower triangle L with L L^T = `matrix`.
 * @param matrix symmetric, positive definite; its lower triangle row by row, [n (n + 1) / 2]
 * @returns in the same form
 * @throws InputError if it is not positive definite
 */
export function cholesky(matrix: Float64Array, n: number): Float64Array {
  const factor = new Float64Array(matrix.length);
  for (let row = 0; row < n; row++) {
    for (let column = 0; column <= row; column++) {
      let rest = matrix[at(row, column)]!;
      for (let k = 0; k < column; k++) rest -= factor[at(row, k)]! * factor[at(column, k)]!;
      if (row === column && !(rest > 0)) throw new InputError("the covariance has no Cholesky factor; give more faces");
      factor[at(row, column)] = row === column ? Math.sqrt(rest) : rest / factor[at(column, column)]!;
    }
  }
  return factor;
}

/** L x, for a lower triangle L that is kept row by row. */
export function multiplyLower(factor: ArrayLike<number>, x: ArrayLike<number>): Float64Array {
  const result = new Float64Array(x.length);
  for (let row = 0, i = 0; row < x.length; row++) {
    let sum = 0;
    for (let column = 0; column <= row; column++, i++) sum += factor[i]! * x[column]!;
    result[row] = sum;
  }
  return result;
}
