import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { InputError, NoFaceError } from "../errors.js";
import type { Face } from "../face/face-finder.js";
import { faceChooser } from "./choose-face.js";

const face = (left: number, widthPx: number): Face => ({
  box: [left, 5, left + widthPx, 45],
  score: 0.9,
  landmarks: [],
  points5: [],
  disagreement: 0,
  rung: "as it is",
});
/** Largest first, as they are found. */
const faces = [face(100, 60), face(10, 30), face(200, 20)];

function choose(wanted: number | undefined, given: readonly Face[] = faces) {
  const stderr = new PassThrough();
  const chosen = faceChooser("us.jpg", wanted, { stderr })(given);
  return { chosen, said: String(stderr.read() ?? "") };
}

test("the largest is taken, and all are listed from the left", () => {
  const { chosen, said } = choose(undefined);
  expect(chosen).toBe(faces[0]);
  expect(said.split("\n")).toEqual([
    "us.jpg shows 3 faces, from the left; the largest is taken, --face takes another:",
    "  1  30x40 pixels at 10, 5",
    "  2  60x40 pixels at 100, 5  <- this one",
    "  3  20x40 pixels at 200, 5",
    "",
  ]);
});

test("--face counts from the left", () => {
  expect(choose(1).chosen).toBe(faces[1]);
  expect(choose(3).chosen).toBe(faces[2]);
  expect(choose(3).said).toContain("at 200, 5  <- this one");
});

test("a single face needs no words", () => {
  expect(choose(undefined, faces.slice(2))).toEqual({ chosen: faces[2], said: "" });
});

test("a number that is not there is refused, with the list; so is a photo without faces", () => {
  expect(() => choose(4)).toThrow(InputError);
  expect(() => choose(4)).toThrow("us.jpg shows 3 faces, and number 4 was asked for\n  1  30x40");
  expect(() => choose(1, [])).toThrow(NoFaceError);
});
