import { type Context, printJson } from "./context.js";
import type { FaceJson } from "./face-json.js";
import { type PhotoReport, type PhotoResult, photoReport } from "./photo-job.js";
import { formatTable } from "./table.js";

/** Prints the faces in photos, as a table or as JSON, and to stderr in how many photos there are any. */
export function printFaces(
  results: readonly PhotoResult<{ faces: readonly FaceJson[] }>[],
  json: boolean,
  context: Context,
): void {
  const reports = results.map((result) => photoReport(result, { faces: [] }));
  if (json) printJson(context, reports);
  else context.stdout(formatTable(["FILE", ">FACES", "BOX OF THE LARGEST", ">QUALITY", ""], reports.map(tableRow)));
  if (reports.length === 1) return;
  const withFace = reports.filter(({ faces }) => faces.length > 0).length;
  const share = ((100 * withFace) / reports.length).toFixed(2);
  context.stderr.write(`faces in ${withFace} of ${reports.length} photos (${share} %)\n`);
}

function tableRow({ file, faces: [largest, ...others] }: PhotoReport<{ faces: readonly FaceJson[] }>): string[] {
  if (!largest) return [file, "0", "", "", ""];
  const { box, quality } = largest;
  const place = box.map(Math.round).join(" ");
  return [file, String(others.length + 1), place, quality.score.toFixed(2), quality.reasons.join("; ")];
}
