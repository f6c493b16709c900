import sharp from "sharp";
import { InputError } from "../errors.js";
import { type Image, image } from "./image.js";

/** Fonts that are looked for, in order; the machine must have one of them or of its own (fontconfig). */
export const sansSerif = "Inter, Helvetica Neue, Arial, DejaVu Sans, Liberation Sans, sans-serif";

/**
 * An SVG element: `element("text", { x: 3 }, escapeXml(label))`. Attributes are escaped, and left out where undefined;
 * the content is not escaped.
 */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>>,
  content: string | readonly string[] = "",
): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escapeXml(typeof value === "number" ? shortNumber(value) : value!)}"`)
    .join("");
  const inner = typeof content === "string" ? content : content.join("\n");
  return inner === "" ? `<${name}${written}/>` : `<${name}${written}>${inner}</${name}>`;
}

/** A whole SVG file. */
export function svgDocument(widthPx: number, heightPx: number, content: readonly string[]): string {
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    width: widthPx,
    height: heightPx,
    viewBox: `0 0 ${widthPx} ${heightPx}`,
    "font-family": sansSerif,
  };
  return `${element("svg", attributes, ["", ...content, ""])}\n`;
}

/** Text as content or attribute; characters that XML cannot hold at all become U+FFFD. */
export function escapeXml(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text
    .replace(/[&<>"]/g, (character) => entities[character]!)
    .replace(/[^\t\n\r\x20-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, "\u{fffd}");
}

/** Hundredths of a pixel are enough, and keep files small. */
function shortNumber(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/**
 * Draws an SVG of our own making on a background. Not for files of others: an SVG may name further files.
 * @param scale pixels of the result for one of the SVG
 * @throws InputError if the SVG is not well-formed
 */
export async function drawSvg(svg: string, { scale = 1 }: { scale?: number } = {}): Promise<Image> {
  try {
    const { data, info } = await sharp(Buffer.from(svg), { density: 72 * scale })
      .flatten({ background: "white" })
      .toColourspace("srgb")
      .raw()
      .toBuffer({ resolveWithObject: true });
    return image(info.width, info.height, data);
  } catch (error) {
    throw new InputError("The SVG cannot be drawn: it is not well-formed.", { cause: error });
  }
}
