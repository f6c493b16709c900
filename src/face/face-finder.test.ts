import { describe, expect, test } from "vitest";
import { NoFaceError } from "../errors.js";
import { applyAffine, type Point } from "../image/affine.js";
import { type Image, solidImage } from "../image/image.js";
import type { Box, FaceDetector } from "./detection.js";
import { largestFace } from "./embed.js";
import { FaceFinder } from "./face-finder.js";
import { turnImage } from "./ladder.js";
import { cropImage, pasteImage } from "./letterbox.js";

/** A "face": 24 x 32 pixels, red above blue. */
const head = solidImage(24, 32, [0, 0, 250]);
pasteImage(head, solidImage(24, 16, [250, 0, 0]), 0, 0);

/** An image of the given size with the face at (left, top). */
function photo(widthPx: number, heightPx: number, left: number, top: number): Image {
  const canvas = solidImage(widthPx, heightPx, [20, 20, 20]);
  pasteImage(canvas, head, left, top);
  return canvas;
}

/** The edges of all pixels of which one channel (red 0, blue 2) is bright and green is dark. */
function bounds({ data, widthPx, heightPx }: Image, channel: 0 | 2): Box | undefined {
  let [x0, y0, x1, y1] = [widthPx, heightPx, 0, 0];
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      const at = 3 * (y * widthPx + x);
      if (data[at + channel]! < 200 || data[at + 1]! > 50) continue;
      [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x + 1), Math.max(y1, y + 1)];
    }
  }
  return x1 > 0 ? [x0, y0, x1, y1] : undefined;
}

/** Sees a face, whichever way it stands, whose height is between a tenth and two thirds of the frame's. */
const detector: FaceDetector = {
  otherZooms: [2, 4],
  networkMs: 0,
  release: async () => undefined,
  detect: async (image, { zoom = 1 } = {}) => {
    const [red, blue] = [bounds(image, 0), bounds(image, 2)];
    if (!red || !blue) return [];
    const box: Box = [
      Math.min(red[0], blue[0]),
      Math.min(red[1], blue[1]),
      Math.max(red[2], blue[2]),
      Math.max(red[3], blue[3]),
    ];
    const share = (zoom * (box[3] - box[1])) / image.heightPx;
    return share >= 0.1 && share <= 0.67 ? [{ box, score: 0.9 }] : [];
  },
};

/** Landmark i lies in the box at (i / 68, i / 68); two looks agree only if red is above blue. */
const landmarks = {
  networkMs: 0,
  release: async () => undefined,
  locate: async (image: Image, [x0, y0, x1, y1]: Box) => {
    const points = Array.from({ length: 68 }, (_, i): Point => [x0 + ((x1 - x0) * i) / 68, y0 + ((y1 - y0) * i) / 68]);
    const isUpright = (bounds(image, 0)?.[1] ?? 0) < (bounds(image, 2)?.[1] ?? 0);
    return { points, disagreement: isUpright ? 0.01 : 0.08 };
  },
};

const finder = new FaceFinder(detector, landmarks, []);
const find = (image: Image) => finder.find(image);

describe("each rung finds the face that those before it miss", () => {
  test("as it is", async () => {
    const [face, ...others] = await find(photo(100, 80, 30, 20));
    expect(others).toEqual([]);
    expect([face!.rung, face!.box]).toEqual(["as it is", [30, 20, 54, 52]]);
    expect(face!.landmarks[17]).toEqual([36, 28]); // a quarter of the way
  });

  test("padded: a face that fills the image", async () => {
    const [face] = await find(photo(26, 34, 1, 1));
    expect([face!.rung, face!.box]).toEqual(["padded", [1, 1, 25, 33]]);
    expect(face!.landmarks[17]).toEqual([7, 9]);
  });

  test.each([
    { turn: 90, back: 270 },
    { turn: 270, back: 90 },
    { turn: 180, back: 180 },
  ] as const)(
    "turned by $back: an image turned by $turn, although the detector sees the face as it stands",
    async ({ turn, back }) => {
      const { view, toImage } = turnImage(photo(70, 90, 30, 11), turn);
      const [face] = await find(view);
      expect(face!.rung).toBe(`turned by ${back}`);
      // In the image before turning, all is where it was put.
      const [x, y] = applyAffine(toImage, face!.landmarks[17]!);
      expect([x, y]).toEqual([36, 19]);
      expect((face!.box[2] - face!.box[0]) * (face!.box[3] - face!.box[1])).toBe(24 * 32);
    },
  );

  test.each([
    { zoom: 2, size: 480 },
    { zoom: 4, size: 1000 },
  ])("zoom $zoom: a small face", async ({ zoom, size }) => {
    const [face] = await find(photo(size, size, 40, 50));
    expect([face!.rung, face!.box]).toEqual([`zoom ${zoom}`, [40, 50, 64, 82]]);
  });
});

test("upright: neither turned nor small faces are looked for", async () => {
  const upright = (image: Image) => finder.find(image, undefined, { upright: true });
  expect(await upright(photo(26, 34, 1, 1))).toHaveLength(1);
  const [turned] = await upright(turnImage(photo(70, 90, 30, 11), 90).view);
  expect(turned!.rung).toBe("as it is");
  expect(await upright(photo(480, 480, 40, 50))).toEqual([]);
});

test("no rung shows a face: none, and a message that says what was tried", async () => {
  expect(await find(solidImage(50, 40, [20, 20, 20]))).toEqual([]);
  expect(() => largestFace([])).toThrow(NoFaceError);
  expect(() => largestFace([])).toThrow("turned");
});

test("an unsteady face is better than none, and what no landmarks fit is none", async () => {
  const withDisagreement = (disagreement: number) => {
    const locate = async (_: Image, box: Box) => ({ points: (await landmarks.locate(head, box)).points, disagreement });
    return new FaceFinder(detector, { ...landmarks, locate }, []).find(photo(100, 80, 30, 20));
  };
  expect((await withDisagreement(0.06)).map(({ rung }) => rung)).toEqual(["as it is"]);
  expect(await withDisagreement(0.2)).toEqual([]);
});

test("an unsteady face is looked at closer only if it is small", async () => {
  const zoomsTried = async (image: Image) => {
    const zooms: number[] = [];
    const detect: FaceDetector["detect"] = (view, options = {}) => {
      zooms.push(options.zoom ?? 1);
      return detector.detect(view, options);
    };
    const locate = async (view: Image, box: Box) => ({ ...(await landmarks.locate(view, box)), disagreement: 0.06 });
    await new FaceFinder({ ...detector, detect }, { ...landmarks, locate }, []).find(image);
    return zooms.filter((zoom) => zoom > 1);
  };
  expect(await zoomsTried(photo(120, 110, 30, 20))).toEqual([]); // 32 of 120 pixels: more than a quarter
  expect(await zoomsTried(photo(140, 130, 30, 20))).toEqual([2]); // more than an eighth
  expect(await zoomsTried(photo(280, 270, 30, 20))).toEqual([2, 4]);
});

test("the largest face is first, but a steady one is preferred", async () => {
  const boxes: Box[] = [
    [0, 0, 10, 10],
    [20, 0, 60, 40],
    [0, 50, 20, 70],
  ];
  const many = { ...detector, detect: async () => boxes.map((box) => ({ box, score: 0.9 })) };
  const locate = async (_: Image, box: Box) => ({
    points: (await landmarks.locate(head, box)).points,
    disagreement: box[0] === 20 ? 0.09 : 0.01,
  });
  const faces = await new FaceFinder(many, { ...landmarks, locate }, []).find(solidImage(100, 80, [20, 20, 20]));
  expect(faces.map(({ box }) => box)).toEqual([boxes[1], boxes[2], boxes[0]]);
  expect(largestFace(faces).box).toEqual(boxes[2]);
});

test("the fake face is what the tests say", () => {
  expect(bounds(photo(100, 80, 30, 20), 0)).toEqual([30, 20, 54, 36]);
  expect(bounds(cropImage(photo(100, 80, 30, 20), 30, 36, 24, 16), 0)).toBeUndefined();
});
