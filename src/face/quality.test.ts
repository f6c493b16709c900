import { expect, test } from "vitest";
import type { Point } from "../image/affine.js";
import { arcFaceTemplate } from "../image/arcface.js";
import { type Image, image } from "../image/image.js";
import { resizeImage } from "../image/resize.js";
import type { Face } from "./face-finder.js";
import { assessQuality, measureSharpness } from "./quality.js";

/** Checks of `cellPx` pixels. */
function checks(cellPx: number): Image {
  const data = Uint8Array.from({ length: 3 * 112 * 112 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % 112, Math.floor(i / 3 / 112)];
    return (Math.floor(x / cellPx) + Math.floor(y / cellPx)) % 2 ? 200 : 40;
  });
  return image(112, 112, data);
}

/** The head of the pose's model, turned by `yaw` radians, as a face of `scale` times the ArcFace crop's size. */
function face({ scale = 2, yaw = 0 } = {}): Face {
  const head: Record<number, [number, number, number]> = {
    8: [0, 330, 65],
    36: [-225, -170, 135],
    45: [225, -170, 135],
    39: [-85, -165, 110],
    42: [85, -165, 110],
    27: [0, -175, 70],
    48: [-150, 150, 125],
    54: [150, 150, 125],
  };
  const landmarks = Array.from({ length: 68 }, (_, i): Point => {
    const [x, y, z] = head[i] ?? [0, 0, 0];
    return [x * Math.cos(yaw) - z * Math.sin(yaw), y];
  });
  const points5 = arcFaceTemplate.map(([x, y]): Point => [scale * x, scale * y]);
  return { box: [0, 0, 1, 1], score: 1, landmarks, points5, disagreement: 0.01, rung: "as it is" };
}

const calibration = { threshold: 0.3, norms: { typical: 3, noise: 1 } };

test("a large, sharp face that looks at the camera is faultless", () => {
  const quality = assessQuality({ crop: checks(4), face: face(), norm: 3.1, calibration });
  expect(quality.score).toBe(1);
  expect(quality.reasons).toEqual([]);
  expect(quality.sizePx).toBeCloseTo(224, 6);
});

test("each fault is said in plain words, and the worst decides", () => {
  const small = assessQuality({ crop: checks(4), face: face({ scale: 0.4 }) });
  expect(small.reasons).toEqual(["the face is small: 45 pixels where 112 are needed"]);
  expect(small.score).toBeCloseTo((0.4 * 112 - 16) / (112 - 16), 6);

  const turned = assessQuality({ crop: checks(4), face: face({ yaw: 1.1 }) });
  expect(turned.reasons.join()).toMatch(/turned to the side, by about 6\d degrees/);

  const unknown = assessQuality({ crop: checks(4), face: face(), norm: 1.2, calibration });
  expect(unknown.reasons.join()).toContain("recogniser makes little of");
  expect(unknown.score).toBeCloseTo(0.1, 6);

  const both = assessQuality({ crop: checks(4), face: face({ scale: 0.4 }), norm: 1.2, calibration });
  expect(both.reasons.length).toBe(2);
  expect(both.reasons[0]).toContain("recogniser");
  expect(both.score).toBeCloseTo(0.1, 6);
});

test("a blurred crop is told from a sharp one, at any contrast", async () => {
  const sharp = checks(8);
  const blurred = await resizeImage(await resizeImage(sharp, 16, 16), 112, 112);
  const pale = image(
    112,
    112,
    sharp.data.map((value) => 100 + value / 10),
  );
  expect(measureSharpness(blurred)).toBeLessThan(measureSharpness(sharp) / 3);
  expect(measureSharpness(pale)).toBeCloseTo(measureSharpness(sharp), 2);
});

test("a crop of one colour has no sharpness, and says blurred", () => {
  const plain = image(112, 112, new Uint8Array(3 * 112 * 112).fill(90));
  expect(measureSharpness(plain)).toBe(0);
  expect(assessQuality({ crop: plain, face: undefined })).toMatchObject({ score: 0, reasons: ["the face is blurred"] });
});
