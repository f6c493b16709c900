import type { Generation, GenerationEvent, Image } from "../../../src/server/api/types.js";

/** An unfinished image. */
export interface Preview {
  readonly picture: string;
  readonly step: number;
  readonly steps: number;
}

/** A generation as far as it has been heard of. */
export interface GenerationState {
  readonly generation: Generation;
  /** By seed. */
  readonly previews: Readonly<Record<number, Preview>>;
}

/** The place of one image: what is there of it. */
export interface Frame {
  readonly seed: number;
  readonly image: Image | undefined;
  readonly preview: Preview | undefined;
}

export function startState(generation: Generation): GenerationState {
  return { generation, previews: {} };
}

export function hasEnded({ status }: Generation): boolean {
  return status === "done" || status === "failed" || status === "cancelled";
}

/** Follows one event. The server may send an event twice, after a connection was lost: that changes nothing. */
export function applyEvent(state: GenerationState, event: GenerationEvent): GenerationState {
  const { generation, previews } = state;
  if (hasEnded(generation)) return state;
  switch (event.type) {
    case "queued":
      return generation.status === "queued" ? withChange(state, { ahead: event.ahead }) : state;
    case "started":
      return withChange(state, { status: "running", startedAt: event.startedAt, ahead: null });
    case "progress": {
      const { stepsDone, stepsTotal } = event;
      return withChange(state, { status: "running", ahead: null, progress: { stepsDone, stepsTotal } });
    }
    case "preview": {
      const { seed, picture, step, steps } = event;
      if (generation.images.some((image) => image.seed === seed)) return state;
      return { generation, previews: { ...previews, [seed]: { picture, step, steps } } };
    }
    case "image": {
      const others = generation.images.filter(({ seed }) => seed !== event.image.seed);
      const images = [...others, event.image].sort((a, b) => a.seed - b.seed);
      const { [event.image.seed]: _, ...rest } = previews;
      return { generation: { ...generation, images }, previews: rest };
    }
    default:
      return startState(event.generation);
  }
}

/** A frame for every image that was asked for, in order of their seeds. One that ended early has frames only for what is there. */
export function framesOf({ generation, previews }: GenerationState): readonly Frame[] {
  const { request, images } = generation;
  const frames = Array.from({ length: request.count }, (_, k) => {
    const seed = request.seed + k;
    return { seed, image: images.find((image) => image.seed === seed), preview: previews[seed] };
  });
  return hasEnded(generation) ? frames.filter(({ image }) => image) : frames;
}

function withChange(state: GenerationState, change: Partial<Generation>): GenerationState {
  return { ...state, generation: { ...state.generation, ...change } };
}
