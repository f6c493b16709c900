import { Zip, ZipPassThrough } from "fflate";
import { type ResultStore, readStored } from "../jobs/store.js";

/**
 * Stored files as a zip, written while it is read: one file at a time is in memory. PNGs are compressed already, so they
 * are stored as they are.
 */
export function zipStream(
  store: ResultStore,
  entries: readonly { name: string; storeKey: string }[],
): ReadableStream<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    chunks.push(chunk);
  });
  const waiting = entries.values();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { value: entry, done } = waiting.next();
        if (done) zip.end();
        else {
          const file = new ZipPassThrough(entry.name);
          zip.add(file);
          file.push(await readStored(store, entry.storeKey), true);
        }
        for (const chunk of chunks.splice(0)) controller.enqueue(chunk);
        if (done) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}
