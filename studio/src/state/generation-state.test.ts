import { expect, it } from "vitest";
import type { Generation, Image } from "../../../src/server/api/types.js";
import { applyEvent, framesOf, hasEnded, startState } from "./generation-state.js";

const queued: Generation = {
  id: "a".repeat(32),
  status: "queued",
  request: {
    identity: "b".repeat(32),
    model: "mini",
    count: 3,
    steps: 25,
    guidance: 3,
    sampler: "dpm++",
    seed: 40,
    previews: true,
  },
  createdAt: "2026-01-31T12:00:00.000Z",
  startedAt: null,
  finishedAt: null,
  ahead: 2,
  progress: { stepsDone: 0, stepsTotal: 75 },
  images: [],
  error: null,
};

function image(seed: number): Image {
  const measured = { faceFound: true, similarity: 0.5, verdict: "same" as const };
  return { id: `${seed}`.padStart(32, "0"), seed, widthPx: 128, heightPx: 128, url: `/${seed}`, ...measured };
}

const preview = (seed: number, step: number) =>
  ({ type: "preview", seed, step, steps: 25, picture: `data:${seed}/${step}` }) as const;

it("follows a generation from the queue to its end", () => {
  let state = startState(queued);
  state = applyEvent(state, { type: "queued", ahead: 1 });
  expect(state.generation.ahead).toBe(1);
  state = applyEvent(state, { type: "started", startedAt: "2026-01-31T12:00:05.000Z" });
  expect(state.generation).toMatchObject({ status: "running", ahead: null, startedAt: "2026-01-31T12:00:05.000Z" });
  state = applyEvent(state, { type: "progress", stepsDone: 6, stepsTotal: 75, seeds: [40, 41] });
  expect(state.generation.progress).toEqual({ stepsDone: 6, stepsTotal: 75 });
  const done = { ...queued, status: "done" as const, images: [image(40), image(41), image(42)] };
  state = applyEvent(applyEvent(state, preview(40, 3)), { type: "done", generation: done });
  expect(state).toEqual(startState(done));
});

it("replaces a preview by the next, and by the image", () => {
  let state = applyEvent(applyEvent(startState(queued), preview(41, 2)), preview(41, 4));
  expect(state.previews).toEqual({ 41: { picture: "data:41/4", step: 4, steps: 25 } });
  state = applyEvent(state, { type: "image", image: image(41) });
  expect(state.previews).toEqual({});
  expect(framesOf(state).map((frame) => frame.image?.seed)).toEqual([undefined, 41, undefined]);
});

it("is not led back by events that are sent again", () => {
  let state = applyEvent(startState(queued), { type: "started", startedAt: "2026-01-31T12:00:05.000Z" });
  for (const seed of [41, 40, 41]) state = applyEvent(state, { type: "image", image: image(seed) });
  expect(applyEvent(state, { type: "queued", ahead: 2 })).toBe(state);
  expect(applyEvent(state, preview(40, 3))).toBe(state);
  expect(state.generation.images.map(({ seed }) => seed)).toEqual([40, 41]);
});

it("stays ended", () => {
  const cancelled = { ...queued, status: "cancelled" as const };
  const state = applyEvent(startState(queued), { type: "cancelled", generation: cancelled });
  expect(hasEnded(state.generation)).toBe(true);
  expect(applyEvent(state, { type: "started", startedAt: "2026-01-31T12:00:05.000Z" })).toBe(state);
});

it("has a frame for every image to come, and after the end only for those that came", () => {
  const state = applyEvent(applyEvent(startState(queued), preview(40, 1)), { type: "image", image: image(42) });
  expect(framesOf(state)).toEqual([
    { seed: 40, image: undefined, preview: { picture: "data:40/1", step: 1, steps: 25 } },
    { seed: 41, image: undefined, preview: undefined },
    { seed: 42, image: image(42), preview: undefined },
  ]);
  const failed = { ...state.generation, status: "failed" as const };
  expect(framesOf(startState(failed)).map(({ seed }) => seed)).toEqual([42]);
});
