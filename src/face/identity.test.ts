import { describe, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { assertSameRecogniser, cosine, meanIdentity } from "./identity.js";

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
