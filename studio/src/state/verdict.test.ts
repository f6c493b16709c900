import { expect, it } from "vitest";
import { formatSimilarity, summarizeVerdicts, verdictOf } from "./verdict.js";

const same = { faceFound: true, similarity: 0.714, verdict: "same" } as const;
const different = { faceFound: true, similarity: -0.126, verdict: "different" } as const;
const noFace = { faceFound: false, similarity: null, verdict: null };
const unknown = { faceFound: null, similarity: null, verdict: null };

it("puts the recogniser's verdict in words", () => {
  expect(verdictOf(same)).toMatchObject({ tone: "good", words: "Same person", number: "0.71" });
  expect(verdictOf({ ...same, verdict: "unsure" })).toMatchObject({ tone: "unsure", words: "Hard to tell" });
  expect(verdictOf(different)).toMatchObject({ tone: "bad", words: "Someone else", number: "−0.13" });
});

it("tells no face from no comparison", () => {
  expect(verdictOf(noFace)).toMatchObject({ tone: "bad", words: "No face found", number: undefined });
  expect(verdictOf(unknown)).toMatchObject({ tone: "none", words: "Not compared", number: undefined });
});

it("shows the number where the recogniser's scale is not known", () => {
  expect(verdictOf({ faceFound: true, similarity: 0.5, verdict: null })).toMatchObject({
    tone: "none",
    number: "0.50",
  });
});

it("writes no negative zero", () => {
  expect(formatSimilarity(-0.001)).toBe("0.00");
  expect(formatSimilarity(-0.01)).toBe("−0.01");
});

it("counts those that show the person among those that were looked at", () => {
  expect(summarizeVerdicts([unknown])).toBeUndefined();
  expect(summarizeVerdicts([same])).toBe("Same person");
  expect(summarizeVerdicts([noFace, unknown])).toBe("No face found");
  expect(summarizeVerdicts([same, same, unknown])).toBe("All 2 the same person");
  expect(summarizeVerdicts([same, different, noFace])).toBe("1 of 3 the same person");
});
