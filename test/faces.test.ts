import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FaceEmbedder } from "../src/face/embed.js";
import { cosine } from "../src/face/identity.js";
import { turnImage } from "../src/face/ladder.js";
import { cropImage, pasteImage } from "../src/face/letterbox.js";
import { decodeImage } from "../src/image/decode.js";
import { type Image, solidImage } from "../src/image/image.js";
import { resizeImage } from "../src/image/resize.js";
import { cli } from "./support/cli.js";
import { fixture } from "./support/fixtures.js";

// The real networks, from their npm package.

describe("a photo without a face", () => {
  const photo = fixture("image/photo-200x160.png");

  test("is no failure to look at, but none can be cropped", async () => {
    const looked = await cli(["faces", photo, "--json"]);
    expect([looked.status, JSON.parse(looked.stdout)]).toEqual([0, [{ file: photo, faces: [] }]]);
    expect(looked.stderr).toContain("rfb-320 (licence: MIT), landmarks-68 (licence: MIT)");
    const out = await mkdtemp(join(tmpdir(), "faces-"));
    const aligned = await cli(["align", photo, "--out", out]);
    await rm(out, { recursive: true });
    expect([aligned.status, aligned.stdout]).toEqual([2, ""]);
    expect(aligned.stderr).toContain(`${photo}: no face was found`);
  });
});

test("the mean of several crops says which agree", async () => {
  const crops = ["upright", "tilted"].map((name) => fixture(`image/arcface-${name}.png`));
  const { status, stdout, stderr } = await cli(["embed", ...crops, "--aligned", "--mean"]);
  expect(status).toBe(0);
  const { files, recogniser, embedding } = JSON.parse(stdout);
  expect(files.map(({ file }: { file: string }) => file)).toEqual(crops);
  expect(recogniser.name).toBe("mobilefacenet");
  expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
  const outliers = files.filter(({ outlier }: { outlier: boolean }) => outlier);
  expect(stderr.split("left out: ").length - 1).toBe(outliers.length);
});

// Photos that are not part of the project: see docs/faces.md.
const data = process.env.ARC2FACE_DATA ?? fileURLToPath(new URL("../../shared/data", import.meta.url));
const portraits = join(data, "portraits");
const isThere = existsSync(portraits);
if (!isThere) console.warn(`skipped: tests on portraits, which are not at ${portraits}; set ARC2FACE_DATA`);

describe.skipIf(!isThere)("portraits", () => {
  const names = isThere
    ? readdirSync(portraits)
        .sort()
        .filter((_, i) => i % 20 === 7)
    : [];
  let embedder: FaceEmbedder;
  beforeAll(async () => {
    embedder = await FaceEmbedder.load();
  });
  afterAll(() => embedder?.release());

  test.each(names)("%s: the same face however the photo is turned, cut or placed", async (name) => {
    const photo = await decodeImage(join(portraits, name));
    const upright = await embedder.embed(photo);
    expect([upright.faceCount, upright.face!.rung]).toEqual([1, "as it is"]);
    expect(upright.quality.score).toBeGreaterThan(0.5);

    const [x0, y0, x1, y1] = upright.face!.box.map(Math.round) as [number, number, number, number];
    const variants: Record<string, Image> = {
      "on its side": turnImage(photo, 90).view,
      "upside down": turnImage(photo, 180).view,
      tight: cropImage(
        photo,
        Math.max(0, x0),
        Math.max(0, y0),
        Math.min(768, x1) - Math.max(0, x0),
        Math.min(768, y1) - Math.max(0, y0),
      ),
      small: await small(photo),
    };
    for (const [variant, image] of Object.entries(variants)) {
      const { embedding, face } = await embedder.embed(image);
      expect(cosine(embedding, upright.embedding), `${variant}, found ${face!.rung}`).toBeGreaterThan(0.5);
    }
  });
});

/** The photo at 240 pixels, in the corner of a wide one. */
async function small(photo: Image): Promise<Image> {
  const wide = solidImage(1600, 900, [90, 110, 120]);
  pasteImage(wide, await resizeImage(photo, 240, 240), 1300, 600);
  return wide;
}
