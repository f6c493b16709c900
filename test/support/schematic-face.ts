import type { Point } from "../../src/image/affine.js";

/** 68 landmarks of a schematic face in a picture of 128x128: jaw, brows, nose, eyes and mouth about where iBUG 300-W has them. */
export function schematicFace(jawWidth: number): Point[] {
  const ring = (count: number, x: number, y: number, rx: number, ry: number, from = 0, turn = 2 * Math.PI): Point[] =>
    Array.from({ length: count }, (_, i) => {
      const angle = from + (turn * i) / Math.max(1, count - (turn === Math.PI ? 1 : 0));
      return [x - rx * Math.cos(angle), y + ry * Math.sin(angle)];
    });
  return [
    ...ring(17, 64, 60, jawWidth, 48, 0, Math.PI),
    ...ring(5, 48, 52, 10, -4, 0, Math.PI),
    ...ring(5, 80, 52, 10, -4, 0, Math.PI),
    ...Array.from({ length: 4 }, (_, i): Point => [64, 58 + 6 * i]),
    ...ring(5, 64, 80, 7, 3, 0, Math.PI),
    ...ring(6, 48, 60, 6, 3),
    ...ring(6, 80, 60, 6, 3),
    ...ring(12, 64, 92, 14, 5),
    ...ring(8, 64, 92, 10, 3),
  ];
}
