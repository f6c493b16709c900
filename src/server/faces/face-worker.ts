/**
 * The thread that looks at pictures. sharp decodes in threads of its own, but what follows (finding faces at several zooms,
 * aligning, measuring) is arithmetic in JavaScript over every pixel, and would hold up all other requests.
 */
import { parentPort, workerData } from "node:worker_threads";
import { Arc2FaceError, NoFaceError } from "../../errors.js";
import { type Face, FaceFinder } from "../../face/face-finder.js";
import { measureLikeness } from "../../face/likeness.js";
import { assessQuality } from "../../face/quality.js";
import { type Embedding, Recogniser } from "../../face/recogniser.js";
import { alignArcFace } from "../../image/arcface.js";
import { decodeImage } from "../../image/decode.js";
import { encodeJpeg } from "../../image/encode.js";
import { alignFfhq } from "../../image/ffhq.js";
import type { Image } from "../../image/image.js";
import type {
  AnalysedFace,
  AnalysedPhoto,
  FaceReply,
  FaceRequest,
  FaceThreadOptions,
  Resemblance,
} from "./analyser.js";

const port = parentPort!;
const { detector, recogniser: source, maxPixels, threads } = workerData as FaceThreadOptions;

/** Most faces of a photo that are offered. */
const maxFaces = 20;
/** Side of the portrait that is kept. */
const portraitPx = 384;

let networks: Promise<{ finder: FaceFinder; recogniser: Recogniser }> | undefined;

/** Loads the networks at the first call; after a failure, at the next one again. */
function load() {
  networks ??= (async () => {
    const [finder, recogniser] = await Promise.all([
      FaceFinder.load({ detector, threads }),
      Recogniser.load(source, { threads }),
    ]);
    return { finder, recogniser };
  })();
  networks.catch(() => {
    networks = undefined;
  });
  return networks;
}

async function answer(request: FaceRequest) {
  switch (request.kind) {
    case "describe": {
      const { recogniser } = await load();
      return { recogniser: recogniser.id, threshold: recogniser.calibration?.threshold };
    }
    case "analyse":
      return analyse(request.photo);
    case "compare":
      return compare(request.png, request.faceEmbedding);
  }
}

async function analyse(bytes: Uint8Array): Promise<AnalysedPhoto> {
  const image = await decodeImage(bytes, { name: "the photo", maxPixels });
  const { finder, recogniser } = await load();
  const faces = (await finder.find(image)).slice(0, maxFaces);
  if (faces.length === 0) {
    throw new NoFaceError("no face was found in the photo; give one that shows a face clearly, from the front");
  }
  const embeddings = await recogniser.embed(faces.map(({ points5 }) => recogniser.align(image, points5)));
  const analysed = faces.map((face, i) => describe(image, face, embeddings[i]!, recogniser));
  return { widthPx: image.widthPx, heightPx: image.heightPx, faces: await Promise.all(analysed) };
}

async function describe(
  image: Image,
  face: Face,
  { embedding, norm }: Embedding,
  { calibration }: Recogniser,
): Promise<AnalysedFace> {
  const crop = alignArcFace(image, face.points5);
  const { score, reasons } = assessQuality({ crop, face, norm, calibration });
  return {
    box: [...face.box],
    landmarks: face.landmarks.map(([x, y]) => [x, y]),
    score: face.score,
    quality: { score, reasons: [...reasons] },
    embedding,
    norm,
    thumbnail: await encodeJpeg(crop, 85),
    portrait: await encodeJpeg(await alignFfhq(image, face.landmarks, portraitPx), 88),
  };
}

async function compare(png: Uint8Array, faceEmbedding: Float32Array): Promise<Resemblance> {
  const image = await decodeImage(png, { name: "the image", maxPixels });
  const [likeness] = await measureLikeness(await load(), [image], faceEmbedding);
  return { faceFound: likeness!.faceFound, similarity: likeness!.similarity };
}

port.on("message", (request: FaceRequest) => {
  answer(request).then(
    (result) => port.postMessage({ ok: true, result } satisfies FaceReply),
    (error: Error) => {
      const code = error instanceof Arc2FaceError ? error.code : "ERR_INTERNAL";
      port.postMessage({ ok: false, code, message: error.message } satisfies FaceReply);
    },
  );
});
