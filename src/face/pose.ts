import type { Point } from "../image/affine.js";

/** Where a head looks, in degrees; 0 is straight at the camera. */
export interface HeadPose {
  /** Positive to the right of the image. */
  readonly yaw: number;
  /** Positive up. */
  readonly pitch: number;
  /** Positive if the head is tilted clockwise, as seen in the image. */
  readonly roll: number;
}

/**
 * A mean head's landmarks: index among the 68, and place in thousandths of a head, x to the image's right, y down, z
 * away from the camera, the tip of the nose at the origin. Only points that expressions hardly move.
 * Source: the six points that are customary in head pose examples (nose, chin, eyes, mouth); the bridge of the nose and
 * the inner corners of the eyes are added by the same proportions.
 */
const head: readonly (readonly [index: number, x: number, y: number, z: number])[] = [
  [30, 0, 0, 0],
  [8, 0, 330, 65],
  [36, -225, -170, 135],
  [45, 225, -170, 135],
  [39, -85, -165, 110],
  [42, 85, -165, 110],
  [27, 0, -175, 70],
  [48, -150, 150, 125],
  [54, 150, 150, 125],
];

/**
 * Head pose from landmarks: the affine camera that fits a mean head best, and the nearest rotation to it. Good to some
 * ten degrees, which is what a quality figure needs.
 * @param landmarks 68 points
 */
export function estimatePose(landmarks: readonly Point[]): HeadPose {
  const points = head.map(([index]) => landmarks[index]!);
  const across = fitPlane(points.map(([x]) => x));
  const down = fitPlane(points.map(([, y]) => y));
  // Rows of the rotation: made orthogonal by moving both by the same amount.
  const [right, below] = [normalise(across), normalise(down)];
  const overlap = dot(right, below) / 2;
  const rowX = normalise(right.map((value, i) => value - overlap * below[i]!));
  const rowY = normalise(below.map((value, i) => value - overlap * right[i]!));
  const rowZ = cross(rowX, rowY);
  // The face's forward direction is -z; its image under the rotation.
  const degrees = 180 / Math.PI;
  return {
    yaw: Math.atan2(-rowX[2]!, rowZ[2]!) * degrees,
    pitch: Math.asin(Math.max(-1, Math.min(1, rowY[2]!))) * degrees,
    roll: Math.atan2(rowY[0]!, rowY[1]!) * degrees,
  };
}

/** Least squares of values ≈ a x + b y + c z + d over the head's points. @returns [a, b, c] */
function fitPlane(values: readonly number[]): number[] {
  const rows = head.map(([, x, y, z]) => [x / 100, y / 100, z / 100, 1]);
  const normal = Array.from({ length: 4 }, (_, i) => [
    ...Array.from({ length: 4 }, (_, j) => rows.reduce((sum, row) => sum + row[i]! * row[j]!, 0)),
    rows.reduce((sum, row, k) => sum + row[i]! * values[k]!, 0),
  ]);
  return solve(normal).slice(0, 3);
}

/** Gauss-Jordan elimination of a symmetric, positive definite system. @param system rows [coefficients..., value] */
function solve(system: number[][]): number[] {
  for (const [i, pivot] of system.entries()) {
    for (const [j, row] of system.entries()) {
      if (j === i) continue;
      const factor = row[i]! / pivot[i]!;
      for (let k = i; k < row.length; k++) row[k]! -= factor * pivot[k]!;
    }
  }
  return system.map((row, i) => row.at(-1)! / row[i]!);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

function cross([ax, ay, az]: number[], [bx, by, bz]: number[]): number[] {
  return [ay! * bz! - az! * by!, az! * bx! - ax! * bz!, ax! * by! - ay! * bx!];
}

function normalise(vector: readonly number[]): number[] {
  const length = Math.sqrt(dot(vector, vector));
  return vector.map((value) => value / length);
}
