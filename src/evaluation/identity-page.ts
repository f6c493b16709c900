import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeImage } from "../image/decode.js";
import { encodeJpeg } from "../image/encode.js";
import type { Image } from "../image/image.js";
import { resizeImage } from "../image/resize.js";
import { element, escapeXml } from "../image/svg.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import { evenly } from "./evenly.js";
import type { JudgedIdentity } from "./identity.js";
import { type IdentityResults, type ImageRow, identityPlots, imageRows } from "./identity-report.js";

/** People shown at most, evenly from all: a page with more pictures opens slowly. */
const peopleLimit = 100;
/** Images beside their nearest training image, the most similar ones. */
const matchesLimit = 12;
const picturePx = 128;

const style = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1100px;padding:0 1rem;color:#1a1a1a}
table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}
figure{display:inline-block;margin:0 6px 6px 0;text-align:center;font-size:12px}img{display:block;width:${picturePx}px;height:${picturePx}px;object-fit:cover}
figcaption.low{color:#d55e00;font-weight:600}.input img{outline:2px solid #0072b2}h2{margin-top:2rem}svg{max-width:100%;height:auto}`;

/** Reads a row's image of the training dataset. */
export type ReadTrainingImage = (row: number) => Promise<Image>;

/**
 * Writes `report.html`: figures, plots, every person with the images that were made of them, and the images that are nearest
 * to a training image beside it. The page holds its pictures, and loads nothing.
 * @param out folder with the images
 * @returns its path
 */
export async function writeIdentityPage(
  results: IdentityResults,
  out: string,
  readTrainingImage?: ReadTrainingImage,
): Promise<string> {
  const { evaluation, summary, settings } = results;
  const { identities } = evaluation;
  const rows = imageRows(results);
  const shown = evenly(identities, peopleLimit);
  const people: string[] = [];
  for (const identity of shown) people.push(await personHtml(identity, rows, out));
  const matches = readTrainingImage ? await matchesHtml(results, rows, out, readTrainingImage) : [];
  const plots = Object.values(identityPlots(results)).map((svg) => svg.trim());
  const body = [
    element("h1", {}, "Identity evaluation"),
    tableHtml(flatten(summary)),
    ...plots,
    element("h2", {}, "Settings"),
    tableHtml(flatten(settings)),
    element("h2", {}, `People${shown.length < identities.length ? `: ${shown.length} of ${identities.length}` : ""}`),
    element("p", {}, "The input with a blue frame, and its similarity to each image by both recognisers."),
    ...people,
    ...matches,
  ];
  const head = `<meta charset="utf-8"><title>Identity evaluation</title><style>${style}</style>`;
  const path = join(out, "report.html");
  await writeFileAtomic(
    path,
    `<!doctype html>\n<html lang="en"><head>${head}</head><body>\n${body.join("\n")}\n</body></html>\n`,
  );
  return path;
}

async function personHtml(
  { name, inputJpeg }: JudgedIdentity,
  rows: readonly ImageRow[],
  out: string,
): Promise<string> {
  const images = rows.filter(({ input }) => input === name);
  const figures = await Promise.all(
    images.map(async (row) => {
      const caption = row.faceFound ? `${fixed(row.similarity)} · ${fixed(row.secondSimilarity)}` : "no face";
      return figure(await thumbnail(join(out, row.file)), caption, row.aboveThreshold === false);
    }),
  );
  const input = element("span", { class: "input" }, figure(inputJpeg, name, false));
  return element("div", {}, [input, ...figures]);
}

/** Source: Arc2Face Fig. 10b. */
async function matchesHtml(
  { nearest = [] }: IdentityResults,
  rows: readonly ImageRow[],
  out: string,
  readTrainingImage: ReadTrainingImage,
): Promise<string[]> {
  const found = rows.filter(({ faceFound }) => faceFound);
  const pairs = nearest
    .map((match, i) => ({ match, file: found[i]!.file }))
    .sort((a, b) => b.match.similarity - a.match.similarity)
    .slice(0, matchesLimit);
  const figures = await Promise.all(
    pairs.map(async ({ match, file }) => [
      figure(await thumbnail(join(out, file)), "generated", false),
      figure(await jpeg(await readTrainingImage(match.row)), `${match.name} ${fixed(match.similarity)}`, false),
    ]),
  );
  return [
    element("h2", {}, "Nearest training images, the most similar ones"),
    ...figures.map((pair) => element("div", {}, pair)),
  ];
}

function figure(jpegBytes: Uint8Array, caption: string, isLow: boolean): string {
  const src = `data:image/jpeg;base64,${Buffer.from(jpegBytes).toString("base64")}`;
  const text = element("figcaption", { class: isLow ? "low" : undefined }, escapeXml(caption));
  return element("figure", {}, [element("img", { src, alt: caption }), text]);
}

async function thumbnail(path: string): Promise<Uint8Array> {
  return jpeg(await decodeImage(await readFile(path), { name: path }));
}

async function jpeg(picture: Image): Promise<Uint8Array> {
  const scale = Math.min(1, (1.5 * picturePx) / Math.max(picture.widthPx, picture.heightPx));
  const scaled = (px: number) => Math.max(1, Math.round(px * scale));
  return encodeJpeg(
    scale === 1 ? picture : await resizeImage(picture, scaled(picture.widthPx), scaled(picture.heightPx)),
    85,
  );
}

function tableHtml(cells: readonly (readonly [string, string])[]): string {
  const rows = cells.map(([name, value]) => [
    element("th", {}, escapeXml(name)),
    element("td", {}, escapeXml(value) || "–"),
  ]);
  return element(
    "table",
    {},
    rows.map((row) => element("tr", {}, row)),
  );
}

/** Nested figures as lines: `diversity.pixel`. */
function flatten(value: object, prefix = ""): [string, string][] {
  return Object.entries(value).flatMap(([key, item]): [string, string][] => {
    if (item !== null && typeof item === "object") return flatten(item, `${prefix}${key}.`);
    return [[prefix + key, typeof item === "number" && !Number.isInteger(item) ? item.toFixed(4) : String(item ?? "")]];
  });
}

const fixed = (value: number | null): string => (value === null ? "–" : value.toFixed(2));
