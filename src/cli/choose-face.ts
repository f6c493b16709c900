import { InputError } from "../errors.js";
import { type ChooseFace, largestFace } from "../face/embed.js";
import type { Face } from "../face/face-finder.js";
import type { Context } from "./context.js";

/**
 * Chooses one of the faces in a photo, and says so where there are several.
 * @param wanted its number from the left, from 1; default: the largest
 */
export function faceChooser(name: string, wanted: number | undefined, { stderr }: Pick<Context, "stderr">): ChooseFace {
  return (faces) => {
    const largest = largestFace(faces);
    const fromLeft = [...faces].sort((a, b) => a.box[0] - b.box[0]);
    const chosen = wanted === undefined ? largest : fromLeft[wanted - 1];
    const list = fromLeft.map((face, i) => `  ${i + 1}  ${describe(face)}${face === chosen ? "  <- this one" : ""}\n`);
    if (!chosen) {
      const count = faces.length === 1 ? "one face" : `${faces.length} faces`;
      throw new InputError(`${name} shows ${count}, and number ${wanted} was asked for\n${list.join("").trimEnd()}`);
    }
    if (faces.length > 1) {
      const advice = wanted === undefined ? "; the largest is taken, --face takes another" : "";
      stderr.write(`${name} shows ${faces.length} faces, from the left${advice}:\n${list.join("")}`);
    }
    return chosen;
  };
}

function describe({ box }: Face): string {
  const [x0, y0, x1, y1] = box.map(Math.round) as [number, number, number, number];
  return `${x1 - x0}x${y1 - y0} pixels at ${x0}, ${y0}`;
}
