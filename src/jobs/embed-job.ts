import { InputError } from "../errors.js";
import type { FaceEmbedder } from "../face/embed.js";
import { decodeImage } from "../image/decode.js";
import { type Job, jobPrefix } from "./job.js";
import { describeError } from "./outcome.js";
import type { JobReporter } from "./queue.js";
import type { Workshop } from "./runner.js";
import { readStored } from "./store.js";

/** The name of the default recogniser in the pool of embedders. */
export const defaultRecogniser = "mobilefacenet";

/**
 * Embeds photos of the store, one result each in the order of the photos: `{photo, embedding, norm, faceCount, quality}`, or
 * `{photo, error}` where a photo cannot be read or shows no face. Those that are finished are kept beside until all are.
 */
export async function runEmbed(
  { id, input }: Job<"embed">,
  reporter: JobReporter,
  { embedders, store }: Workshop,
): Promise<void> {
  const key = `${jobPrefix(id)}embeddings.json`;
  const parts = `${jobPrefix(id)}parts/`;
  const contentType = "application/json";
  if (!(await store.stat(key))) {
    await embedders.use(input.recogniser ?? defaultRecogniser, async (embedder) => {
      const results: string[] = [];
      for (const [i, photo] of input.photos.entries()) {
        reporter.signal.throwIfAborted();
        const part = `${parts}${i}.json`;
        if (!(await store.stat(part))) {
          const result = await embedPhoto(photo, await readStored(store, photo), embedder, reporter.signal);
          await store.write(part, Buffer.from(JSON.stringify(result)), contentType);
          await reporter.advance();
        }
        results.push(Buffer.from(await readStored(store, part)).toString());
        reporter.progress({ unit: "photos", done: i + 1, total: input.photos.length });
      }
      const recogniser = JSON.stringify(embedder.recogniser.id);
      const text = `{"recogniser":${recogniser},"photos":[\n${results.join(",\n")}\n]}\n`;
      await store.write(key, Buffer.from(text), contentType);
    });
  }
  const { byteLength } = (await store.stat(key))!;
  await reporter.file({ key, contentType, byteLength });
  await store.deletePrefix(parts);
}

async function embedPhoto(photo: string, bytes: Uint8Array, embedder: FaceEmbedder, signal: AbortSignal) {
  try {
    const image = await decodeImage(bytes, { name: photo });
    const { embedding, norm, faceCount, quality } = await embedder.embed(image, signal);
    return { photo, embedding: Array.from(embedding), norm, faceCount, quality };
  } catch (error) {
    if (error instanceof InputError) return { photo, error: describeError(error) };
    throw error;
  }
}
