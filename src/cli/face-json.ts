import type { EmbeddedFace } from "../face/embed.js";
import type { Face } from "../face/face-finder.js";
import type { FaceQuality } from "../face/quality.js";

/** A face as `faces --json` and `embed` print it. Places are in the photo's pixels, to a hundredth. */
export function faceJson({ box, score, landmarks, points5 }: Face, quality: FaceQuality) {
  const places = (points: readonly (readonly number[])[]) => points.map((point) => point.map(hundredth));
  return { box: box.map(hundredth), score, landmarks: places(landmarks), points5: places(points5), quality };
}

export type FaceJson = ReturnType<typeof faceJson>;

/** An embedding as `embed` prints it, and `generate` and `compare` read it. */
export function embeddingJson(file: string, { recogniser, embedding, norm, face, quality }: EmbeddedFace) {
  return { file, recogniser, embedding: [...embedding], norm, face: face ? faceJson(face, quality) : null };
}

export type EmbeddingJson = ReturnType<typeof embeddingJson>;

function hundredth(value: number): number {
  return Math.round(value * 100) / 100;
}
