import { expect, it } from "vitest";
import type { Identity } from "../../../src/server/api/types.js";
import { describeOrigin, formatDay, formatTime, nameOfSubject, percent, plural } from "./format.js";

const now = new Date(2026, 0, 31, 18, 0);
const at = (day: number, hours: number) => new Date(2026, 0, day, hours, 5).toISOString();

it("counts", () => {
  expect(plural(1, "image")).toBe("1 image");
  expect(plural(0, "image")).toBe("0 images");
  expect(percent(0.345)).toBe("35 %");
});

it("names days as people do", () => {
  expect(formatDay(at(31, 1), now, "en-GB")).toBe("Today");
  expect(formatDay(at(30, 23), now, "en-GB")).toBe("Yesterday");
  expect(formatDay(at(29, 1), now, "en-GB")).toBe("Thursday 29 January");
});

it("gives the date only where it is another day", () => {
  expect(formatTime(at(31, 9), now, "en-GB")).toBe("09:05");
  expect(formatTime(at(2, 9), now, "en-GB")).toBe("2 Jan, 09:05");
});

it("names one face, or the two with their shares", () => {
  const nameOf = (id: string) => (id === "a" ? "Ada" : "Ben");
  expect(nameOfSubject("b", nameOf)).toBe("Ben");
  expect(nameOfSubject({ from: "a", to: "b", share: 0.4 }, nameOf)).toBe("Ada 60 % · Ben 40 %");
});

it("says where a face comes from", () => {
  const photos = { kind: "photos", photoCount: 3, outlierCount: 1 } as Identity;
  expect(describeOrigin(photos)).toBe("From 3 photos, 1 left out as someone else");
  expect(describeOrigin({ ...photos, photoCount: 1, outlierCount: 0 })).toBe("From 1 photo");
  expect(describeOrigin({ ...photos, kind: "sample" })).toBe("Nobody has this face");
});
