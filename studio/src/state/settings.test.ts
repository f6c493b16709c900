import { expect, it } from "vitest";
import type { Generation } from "../../../src/server/api/types.js";
import { initialSettings, readSettings, requestOf, settingsOf, withoutMissing } from "./settings.js";

const [ada, ben] = ["a".repeat(32), "b".repeat(32)] as [string, string];

it("leaves to the model what was not chosen", () => {
  const request = requestOf({ ...initialSettings, identity: ada });
  expect(request).toEqual({ identity: ada, count: 4, seed: "random", previews: true });
});

it("asks for what was chosen, a zero as well", () => {
  const chosen = { model: "mini", steps: 12, guidance: 0, sampler: "ddim" as const, seed: 0, count: 2 };
  expect(requestOf({ ...initialSettings, identity: ada, ...chosen })).toEqual({
    identity: ada,
    previews: true,
    ...chosen,
  });
});

it("says what is missing", () => {
  expect(requestOf(initialSettings)).toBe("Choose a face first.");
  const between = { ...initialSettings, mode: "between" as const, identity: ada };
  expect(requestOf(between)).toBe("Choose the second face.");
  expect(requestOf({ ...between, to: ada })).toBe("Choose two different faces.");
});

it("goes from settings to a generation and back", () => {
  const settings = {
    mode: "between" as const,
    identity: ada,
    to: ben,
    share: 0.25,
    model: "mini",
    count: 3,
    steps: 20,
    guidance: 2.5,
    sampler: "euler" as const,
    seed: 7,
  };
  const request = requestOf(settings);
  expect(request).toMatchObject({ identity: { from: ada, to: ben, share: 0.25 } });
  expect(settingsOf({ request } as Generation)).toEqual(settings);
});

it("reads settings that were kept, and takes nothing that does not fit", () => {
  const settings = { ...initialSettings, identity: ada, seed: 9, count: 2 };
  expect(readSettings(JSON.stringify(settings))).toEqual(settings);
  expect(readSettings('{"count":"many","mode":null,"seed":3,"extra":1}')).toEqual({ ...initialSettings, seed: 3 });
  expect(readSettings("no json")).toEqual(initialSettings);
  expect(readSettings(null)).toEqual(initialSettings);
});

it("forgets what was deleted", () => {
  const settings = { ...initialSettings, identity: ada, to: ben, model: "gone" };
  expect(withoutMissing(settings, new Set([ben]), [])).toEqual({ ...settings, identity: null, model: null });
});
