import type { IdentitySummary } from "../evaluation/identity-summary.js";
import type { ReconstructionSummary } from "../evaluation/reconstruction.js";
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

/** The figures of an autoencoder, one a line. */
export function formatReconstruction(summary: ReconstructionSummary): string {
  const { secondRecogniser: second } = summary;
  return formatFacts([
    ["images", String(summary.images)],
    ["signal to noise", `${summary.psnr.toFixed(1)} dB`],
    ["similarity to the image", fixed(summary.meanSimilarity)],
    ["above the threshold", percent(summary.shareAboveThreshold)],
    ["with a face", percent(summary.shareFaceFound)],
    [`similarity by ${second.name}`, fixed(second.meanSimilarity)],
    ["above its threshold", percent(second.shareAboveThreshold)],
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
