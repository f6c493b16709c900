import { type Context, printJson } from "./context.js";
import type { WrittenImage } from "./image-folder.js";
import type { ImageReport } from "./image-job.js";

/** More similarities than these are summed up. */
const listedSimilarities = 8;

/**
 * Prints what was made: the files' names or JSON to standard output; time, sheet and similarities to stderr.
 * @param more further keys of the JSON
 */
export function printImages(report: ImageReport, json: boolean, context: Context, more: object = {}): void {
  const { images, sheet, model, recogniser, elapsedMs } = report;
  if (json) {
    const id = recogniser ? { name: recogniser.name, sha256: recogniser.sha256 } : null;
    const made = images.map(({ file, seed, similarity, faceFound }) => ({ file, seed, similarity, faceFound }));
    printJson(context, { images: made, sheet: sheet ?? null, model, recogniser: id, elapsedMs, ...more });
  } else {
    const files = [...images.map(({ file }) => file), ...(sheet === undefined ? [] : [sheet])];
    context.stdout(files.map((file) => `${file}\n`).join(""));
  }
  const where = sheet === undefined ? "" : `, all on ${sheet}`;
  context.stderr.write(`${plural(images.length, "image")} in ${(elapsedMs / 1000).toFixed(1)} s${where}\n`);
  if (recogniser) context.stderr.write(similarityReport(report));
}

/** For each person, or for all of many together, how similar the images are, in figures and in words. */
export function similarityReport({ images, faces, recogniser }: Pick<ImageReport, "images" | "faces" | "recogniser">) {
  if (faces.length > listedSimilarities) {
    return `similarity of each to its own face: ${figures(images)}${verdict(images, recogniser)}\n`;
  }
  const count = images.length / faces.length;
  return faces
    .map(({ name }, i) => {
      const own = images.slice(i * count, (i + 1) * count);
      return `similarity to ${name}: ${figures(own)}${verdict(own, recogniser)}\n`;
    })
    .join("");
}

function figures(images: readonly WrittenImage[]): string {
  if (images.length <= listedSimilarities) {
    return images.map(({ similarity }) => similarity?.toFixed(2) ?? "no face found").join(", ");
  }
  const found = images.flatMap(({ similarity }) => similarity ?? []);
  const faces = `${found.length} of ${images.length} images show a face`;
  if (found.length === 0) return faces;
  const mean = found.reduce((sum, value) => sum + value, 0) / found.length;
  return `${mean.toFixed(2)} on average, ${Math.min(...found).toFixed(2)} to ${Math.max(...found).toFixed(2)}; ${faces}`;
}

function verdict(images: readonly WrittenImage[], recogniser: ImageReport["recogniser"]): string {
  const threshold = recogniser?.calibration?.threshold;
  if (threshold === undefined || images.every(({ similarity }) => similarity === null)) return "";
  const same = images.filter(({ similarity }) => similarity !== null && similarity >= threshold).length;
  const who = `to ${recogniser?.name}, for whom that begins at ${threshold}`;
  if (images.length === 1) return same === 1 ? ` - the same person ${who}` : ` - someone else ${who}`;
  return ` - ${same === images.length ? "all" : `${same} of ${images.length}`} the same person ${who}`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
