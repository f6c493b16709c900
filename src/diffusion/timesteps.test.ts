import { describe, expect, it } from "vitest";
import { roundHalfToEven, spaceTimesteps } from "./timesteps.js";

describe("spaceTimesteps", () => {
  it("puts linspace on both ends, with fractions between", () => {
    expect(spaceTimesteps("linspace", 1000, 3, 1)).toEqual([999, 499.5, 0]);
    expect(spaceTimesteps("linspace", 1000, 1, 1)).toEqual([0]);
  });

  it("starts leading at the offset and never reaches the end", () => {
    expect(spaceTimesteps("leading", 1000, 4, 1)).toEqual([751, 501, 251, 1]);
    expect(spaceTimesteps("leading", 1000, 3, 0)).toEqual([666, 333, 0]);
  });

  it("starts trailing at the last timestep, whatever the offset", () => {
    expect(spaceTimesteps("trailing", 1000, 4, 1)).toEqual([999, 749, 499, 249]);
    // 1000 - 142.857 i, rounded, less 1.
    expect(spaceTimesteps("trailing", 1000, 7, 0)).toEqual([999, 856, 713, 570, 428, 285, 142]);
    // 1000 - 62.5 = 937.5 rounds to the even 938, 812.5 to the even 812.
    expect(spaceTimesteps("trailing", 1000, 16, 0).slice(0, 4)).toEqual([999, 937, 874, 811]);
  });

  it("makes as many trailing timesteps as asked, where a floating-point range makes one more", () => {
    const timesteps = spaceTimesteps("trailing", 1000, 61, 0);
    expect(timesteps).toHaveLength(61);
    expect(timesteps.at(-1)).toBe(15);
  });
});

describe("roundHalfToEven", () => {
  it.each([
    [499.5, 500],
    [500.5, 500],
    [0.5, 0],
    [1.5, 2],
    [2.4999, 2],
    [7, 7],
  ])("%f -> %i", (value, rounded) => {
    expect(roundHalfToEven(value)).toBe(rounded);
  });
});
