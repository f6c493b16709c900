import type { IdentitySummary } from "../evaluation/identity-summary.js";
import type { Truncation } from "../evaluation/truncation.js";
import { formatFacts, formatTable } from "./table.js";

/** The figures of an evaluation of identity, one a line. */
export function formatIdentity(summary: IdentitySummary): string {
  const { secondRecogniser: second, diversity } = summary;
  return formatFacts([
    ["images", `${summary.images} of ${summary.inputs} people`],
    ["similarity to the input", fixed(summary.meanSimilarity)],
    ["above the threshold", percent(summary.shareAboveThreshold)],
    ["with a face", percent(summary.shareFaceFound)],
    ["between different people", fixed(summary.crossSimilarity)],
    [`similarity by ${second.name}`, fixed(second.meanSimilarity)],
    ["above its threshold", percent(second.shareAboveThreshold)],
    ["diversity of embeddings", fixed(diversity.embedding)],
    ["diversity of pixels", fixed(diversity.pixel)],
    ["to the nearest training image", fixed(summary.nearestTraining)],
  ]);
}

/** A row for each number of components. */
export function formatTruncations(truncations: readonly Truncation[]): string {
  const header = [">components", ">variance", ">embedding", ">to input", ">second", ">to full", ">face"];
  const rows = truncations.map((row) => [
    String(row.components),
    percent(row.variance),
    fixed(row.embeddingSimilarity),
    fixed(row.meanSimilarity),
    fixed(row.secondSimilarity),
    fixed(row.similarityToFull),
    percent(row.shareFaceFound),
  ]);
  return formatTable(header, rows);
}

const fixed = (value: number | null): string => value?.toFixed(3) ?? "–";
const percent = (share: number | null): string => (share === null ? "–" : `${(100 * share).toFixed(1)} %`);
