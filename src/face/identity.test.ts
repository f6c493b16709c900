import { describe, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { assertSameRecogniser, compareFaces, cosine, meanIdentity } from "./identity.js";

const recogniser = { name: "a", sha256: "a".repeat(64) };
const other = { name: "b", sha256: "b".repeat(64) };

/** An embedding in the plane, at an angle. */
function at(degrees: number, by = recogniser) {
  const angle = (degrees * Math.PI) / 180;
  return { embedding: Float32Array.of(Math.cos(angle), Math.sin(angle), 0), norm: 1, recogniser: by };
}

describe("mean identity", () => {
  test("of photos that agree is in their middle", () => {
    const { embedding, outliers, agreement } = meanIdentity([at(0), at(20), at(40)], 0.5);
    expect(cosine(embedding, at(20).embedding)).toBeCloseTo(1, 6);
    expect(outliers).toEqual([]);
    // The first against the middle of the others, 30 degrees away.
    expect(agreement[0]).toBeCloseTo(Math.cos(Math.PI / 6), 6);
  });

  test("leaves out who disagrees, wherever it stands in the list", () => {
    for (const place of [0, 1, 3]) {
      const photos = [at(0), at(10), at(20)];
      photos.splice(place, 0, at(110));
      const { embedding, outliers } = meanIdentity(photos, 0.5);
      expect(outliers).toEqual([place]);
      expect(cosine(embedding, at(10).embedding)).toBeCloseTo(1, 6);
    }
  });

  test("of two people goes with the larger group", () => {
    const { embedding, outliers } = meanIdentity([at(0), at(120), at(2), at(122), at(4)], 0.5);
    expect(outliers).toEqual([1, 3]);
    expect(cosine(embedding, at(2).embedding)).toBeCloseTo(1, 6);
  });

  test("of one photo is that photo; of none is refused", () => {
    const { embedding, agreement } = meanIdentity([at(77)], 0.5);
    expect(cosine(embedding, at(77).embedding)).toBeCloseTo(1, 6);
    expect(agreement).toEqual([1]);
    expect(() => meanIdentity([], 0.5)).toThrow(InputError);
  });

  test("of two photos that disagree is one of them, and says so", () => {
    const { outliers } = meanIdentity([at(0), at(100)], 0.5);
    expect(outliers.length).toBe(1);
  });

  test("has unit length, and does not mix recognisers", () => {
    expect(Math.hypot(...meanIdentity([at(0), at(60)], 0.1).embedding)).toBeCloseTo(1, 6);
    expect(() => meanIdentity([at(0), at(5, other)], 0.5)).toThrow("different recognisers");
  });
});

test("the guard compares hashes, not names, and says what to do", () => {
  expect(() => assertSameRecogniser(at(0), { name: "renamed", sha256: recogniser.sha256 })).not.toThrow();
  expect(() => assertSameRecogniser(at(0), undefined)).not.toThrow();
  expect(() => assertSameRecogniser(at(0), { name: "a", sha256: other.sha256 })).toThrow(InputError);
  expect(() => assertSameRecogniser(at(0), other)).toThrow(
    /made by a \(aaaaaaaaaaaa….*b \(bbbbbbbbbbbb….*Embed the photo/s,
  );
});

describe("compareFaces", () => {
  const measured = { name: "mobilefacenet", sha256: "c".repeat(64) };

  test("is the cosine whatever the lengths, judged by the recogniser's threshold", () => {
    const long = { embedding: [6, 8, 0], recogniser: measured };
    expect(compareFaces(long, { embedding: [0, 0.5, 0], recogniser: measured })).toEqual({
      cosine: expect.closeTo(0.8, 6),
      threshold: 0.285,
      same: true,
    });
    expect(compareFaces(long, { embedding: [0, -1, 0] })).toMatchObject({ threshold: 0.285, same: false });
    expect(compareFaces(long, { embedding: [3, 4, 0] }, { threshold: 0.99 })).toMatchObject({ same: true });
  });

  test("nobody knows the threshold of an unknown recogniser, of two different ones, or of none", () => {
    for (const [a, b] of [
      [recogniser, recogniser],
      [measured, { ...measured, sha256: "d".repeat(64) }],
      [undefined, undefined],
    ]) {
      const faces = [a, b].map((by) => ({ embedding: [1, 0], recogniser: by }));
      expect(compareFaces(faces[0]!, faces[1]!)).toEqual({ cosine: 1, threshold: null, same: null });
    }
  });

  test("embeddings that cannot be compared are refused", () => {
    expect(() => compareFaces({ embedding: [1, 0] }, { embedding: [1, 0, 0] })).toThrow("2 and 3 numbers");
    expect(() => compareFaces({ embedding: [0, 0] }, { embedding: [1, 0] })).toThrow("all zeros");
    expect(() => compareFaces({ embedding: [1, 0] }, { embedding: [Number.NaN, 0] })).toThrow(InputError);
  });
});
