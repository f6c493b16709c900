import { expect, test } from "vitest";
import type { Point } from "../image/affine.js";
import { estimatePose } from "./pose.js";

/** x to the image's right, y down, z away from the camera. */
type Vector = readonly [number, number, number];

const turnY = ([x, y, z]: Vector, a: number): Vector => [
  x * Math.cos(a) - z * Math.sin(a),
  y,
  x * Math.sin(a) + z * Math.cos(a),
];
const turnX = ([x, y, z]: Vector, a: number): Vector => [
  x,
  y * Math.cos(a) + z * Math.sin(a),
  -y * Math.sin(a) + z * Math.cos(a),
];
const turnZ = ([x, y, z]: Vector, a: number): Vector => [
  x * Math.cos(a) - y * Math.sin(a),
  x * Math.sin(a) + y * Math.cos(a),
  z,
];

/** A head of other proportions than the model's: the tip of the nose at the origin, all else behind it. */
const head: Readonly<Record<number, Vector>> = {
  30: [0, 0, 0],
  8: [0, 340, 60],
  36: [-230, -165, 140],
  45: [230, -165, 140],
  39: [-80, -160, 105],
  42: [80, -160, 105],
  27: [0, -170, 65],
  48: [-145, 155, 120],
  54: [145, 155, 120],
};

/** The landmarks of the head, turned as a camera sees it. */
function project(turn: (point: Vector) => Vector): Point[] {
  return Array.from({ length: 68 }, (_, i): Point => {
    const [x, y] = turn(head[i] ?? [0, 0, 0]);
    return [300 + 0.4 * x, 200 + 0.4 * y];
  });
}

const radians = Math.PI / 180;

test.each([-50, -20, 0, 35])("yaw of %d degrees", (degrees) => {
  // The nose, in front of the head, moves to the right of the image: yaw is positive.
  const points = project((point) => turnY(point, degrees * radians));
  const { yaw, pitch, roll } = estimatePose(points);
  expect(Math.abs(yaw - degrees)).toBeLessThan(4);
  expect(Math.abs(pitch)).toBeLessThan(4);
  expect(Math.abs(roll)).toBeLessThan(2);
  const eyesMiddle = (points[36]![0] + points[45]![0]) / 2;
  expect(Math.sign(Math.round(points[30]![0] - eyesMiddle))).toBe(Math.sign(degrees));
});

test.each([-30, 0, 25])("pitch of %d degrees", (degrees) => {
  const points = project((point) => turnX(point, degrees * radians));
  const { yaw, pitch } = estimatePose(points);
  expect(Math.abs(pitch - degrees)).toBeLessThan(5);
  expect(Math.abs(yaw)).toBeLessThan(2);
  // Looking up, the nose is nearer to the eyes.
  const level = project((point) => point);
  const noseToEyes = (p: Point[]) => p[30]![1] - (p[36]![1] + p[45]![1]) / 2;
  if (degrees !== 0) expect(noseToEyes(points) < noseToEyes(level)).toBe(degrees > 0);
});

test.each([-40, 10, 90])("roll of %d degrees", (degrees) => {
  const { yaw, roll } = estimatePose(project((point) => turnZ(point, degrees * radians)));
  expect(Math.abs(roll - degrees)).toBeLessThan(2);
  expect(Math.abs(yaw)).toBeLessThan(4);
});
