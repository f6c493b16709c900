import { join } from "node:path";
import { cosine } from "../face/identity.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import type { IdentityEvaluation, JudgedIdentity } from "./identity.js";
import { type IdentitySummary, inputSimilarities } from "./identity-summary.js";
import type { Threshold } from "./judges.js";
import type { Nearest } from "./nearest.js";
import { quantile } from "./similarities.js";
import { similarityPlotSvg } from "./similarity-plot.js";

/** An evaluation with all that was made of it. */
export interface IdentityResults {
  readonly evaluation: IdentityEvaluation;
  readonly summary: IdentitySummary;
  readonly first: Threshold;
  readonly second: Threshold;
  /** For every image with a face, in their order. */
  readonly nearest?: readonly NamedNearest[] | undefined;
  /** How the images were made: model, steps and the like. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** A nearest training image by its name in the dataset. */
export interface NamedNearest extends Nearest {
  readonly name: string;
}

/** An image's line in the tables; similarities are null where it shows no face. */
export interface ImageRow {
  readonly input: string;
  readonly file: string;
  readonly seed: number;
  readonly faceFound: boolean;
  readonly similarity: number | null;
  readonly aboveThreshold: boolean | null;
  readonly secondSimilarity: number | null;
  readonly secondAboveThreshold: boolean | null;
  readonly nearestTraining: string | null;
  readonly nearestSimilarity: number | null;
}

/** All images, person by person. */
export function imageRows({ evaluation, first, second, nearest }: Omit<IdentityResults, "summary" | "settings">) {
  const found = nearest?.values();
  return evaluation.identities.flatMap(({ name, input, images }) =>
    images.map(({ file, seed, face }): ImageRow => {
      const similarity = face ? cosine(face.first, input.first) : null;
      const secondSimilarity = face ? cosine(face.second, input.second) : null;
      const training = face ? found?.next().value : undefined;
      return {
        input: name,
        file,
        seed,
        faceFound: face !== undefined,
        similarity,
        aboveThreshold: reaches(similarity, first),
        secondSimilarity,
        secondAboveThreshold: reaches(secondSimilarity, second),
        nearestTraining: training?.name ?? null,
        nearestSimilarity: training?.similarity ?? null,
      };
    }),
  );
}

function reaches(similarity: number | null, { threshold }: Threshold): boolean | null {
  if (threshold === null) return null;
  return similarity !== null && similarity >= threshold;
}

/** Distribution of the similarities to the input, Fig. 4; of the nearest training images, Fig. 10a, where they are known. */
export function identityPlots(results: Omit<IdentityResults, "summary" | "settings">): Record<string, string> {
  const { evaluation, first, second, nearest } = results;
  const toInput = inputSimilarities(evaluation, "first");
  if (toInput.length === 0) return {};
  const training = nearest ? [{ label: "to training", values: nearest.map(({ similarity }) => similarity) }] : [];
  return {
    "similarity.svg": similarityPlotSvg([{ label: "to the input", values: toInput }, ...training], {
      title: `Generated images, by ${first.name}`,
      threshold: first.threshold,
    }),
    "similarity-second.svg": similarityPlotSvg(
      [{ label: "to the input", values: inputSimilarities(evaluation, "second") }],
      { title: `Generated images, by ${second.name}`, threshold: second.threshold },
    ),
  };
}

/**
 * Writes `summary.json`, `report.json` (settings, quantiles, every image), `images.csv` and the plots.
 * @returns the paths of the files
 */
export async function writeIdentityTables(results: IdentityResults, out: string): Promise<string[]> {
  const { evaluation, summary, first, second, settings } = results;
  const rows = imageRows(results);
  const report = {
    summary,
    settings,
    recognisers: { first, second },
    quantiles: {
      first: quantilesOf(inputSimilarities(evaluation, "first")),
      second: quantilesOf(inputSimilarities(evaluation, "second")),
    },
    skipped: evaluation.skipped,
    identities: evaluation.identities.map((identity) => identityJson(identity, rows)),
  };
  const files = {
    "summary.json": `${JSON.stringify(summary, null, 2)}\n`,
    "report.json": `${JSON.stringify(report, null, 2)}\n`,
    "images.csv": toCsv(rows),
    ...identityPlots(results),
  };
  for (const [name, content] of Object.entries(files)) await writeFileAtomic(join(out, name), content);
  return Object.keys(files).map((name) => join(out, name));
}

function quantilesOf(values: readonly number[]) {
  return Object.fromEntries([0.05, 0.25, 0.5, 0.75, 0.95].map((share) => [share, quantile(values, share)]));
}

function identityJson({ name, pixelDiversity }: JudgedIdentity, rows: readonly ImageRow[]) {
  const images = rows.filter(({ input }) => input === name).map(({ input, ...row }) => row);
  return { input: name, pixelDiversity, images };
}

/** As in RFC 4180. The input's name is that of a file, so a formula in it must not reach a spreadsheet. */
export function toCsv(rows: readonly ImageRow[]): string {
  const names = Object.keys(rows[0] ?? {}) as (keyof ImageRow)[];
  const lines = rows.map((row) => names.map((name) => cell(row[name])).join(","));
  return [names.join(","), ...lines].map((line) => `${line}\r\n`).join("");
}

function cell(value: ImageRow[keyof ImageRow]): string {
  if (value === null) return "";
  if (typeof value !== "string") return String(value);
  const inert = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}
