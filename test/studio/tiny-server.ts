import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { decodeImage } from "../../src/image/decode.js";
import type { FaceAnalyser } from "../../src/server/faces/analyser.js";
import { createServer } from "../../src/server/server.js";
import { fixture, readJson } from "../support/fixtures.js";

export interface TinyServer {
  readonly url: string;
  readonly dataFolder: string;
  close(): Promise<void>;
}

/** The whole server, with the model of the tests and a stand-in for the networks that look at photos. */
export async function startTinyServer(): Promise<TinyServer> {
  const dataFolder = await mkdtemp(join(tmpdir(), "arc2face-studio-"));
  const { embeddingSize, recogniser } = (await readJson("tiny/arc2face.json")) as {
    embeddingSize: number;
    recogniser: { name: string; sha256: string };
  };
  const server = await createServer({
    dataFolder,
    port: 0,
    models: [{ name: "tiny", source: fixture("tiny") }],
    faces: standInFor(embeddingSize, recogniser),
    sampler: async (count, seed = 1) => ({
      seed,
      embeddings: Array.from({ length: count }, (_, i) => unitVector(embeddingSize, seed + i)),
      recogniser,
    }),
    log: (message, error) => console.error(message, error),
  });
  const url = await server.listen();
  const close = async () => {
    await server.close({ drainMs: 0 });
    await rm(dataFolder, { recursive: true });
  };
  return { url, dataFolder, close };
}

/** Finds two faces in every photo, and each image more or less alike by its size in bytes. */
function standInFor(embeddingSize: number, recogniser: { name: string; sha256: string }): FaceAnalyser {
  return {
    describe: async () => ({ recogniser, threshold: 0.3 }),
    async analyse(photo) {
      const { widthPx: width, heightPx: height } = await decodeImage(photo, { name: "the photo" });
      const jpeg = (sizePx: number) => sharp(photo).resize(sizePx, sizePx).jpeg().toBuffer();
      const [thumbnail, portrait] = await Promise.all([jpeg(112), jpeg(256)]);
      const face = (box: [number, number, number, number], seed: number, reasons: string[]) => ({
        box,
        landmarks: [],
        score: 0.9,
        quality: { score: reasons.length === 0 ? 0.9 : 0.4, reasons },
        embedding: unitVector(embeddingSize, seed),
        norm: 20,
        thumbnail,
        portrait,
      });
      const faces = [
        face([width * 0.3, height * 0.2, width * 0.7, height * 0.72], 7, []),
        face([width * 0.05, height * 0.1, width * 0.2, height * 0.3], 8, [
          "the face is small: 40 pixels where 112 are needed",
        ]),
      ];
      return { widthPx: width, heightPx: height, faces };
    },
    compare: async (png) => ({ faceFound: true, similarity: 0.1 + (png.byteLength % 7) / 10 }),
    release: async () => undefined,
  };
}

function unitVector(size: number, seed: number): Float32Array {
  const values = Array.from({ length: size }, (_, i) => Math.sin(seed * 12.9898 + i * 78.233));
  const norm = Math.hypot(...values);
  return Float32Array.from(values, (value) => value / norm);
}
