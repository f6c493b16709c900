import { Header } from "tar";
import { readGeneration } from "../image/encode.js";
import { type Job, jobPrefix, type ResultFile } from "./job.js";
import { makeImages } from "./make-images.js";
import type { JobReporter } from "./queue.js";
import type { Workshop } from "./runner.js";
import { readStored } from "./store.js";

const blockBytes = 512;

/**
 * Makes the images of one shard, and packs them as WebDataset samples: `IDENTITY_SEED.png`, `.cls` (the identity's number)
 * and `.json` (how the image was made). Images that are finished wait in the store until all are.
 */
export async function runDatasetShard(
  { id, input }: Job<"dataset-shard">,
  reporter: JobReporter,
  { models, store }: Workshop,
): Promise<void> {
  const key = `${jobPrefix(id)}shard-${String(input.shard).padStart(6, "0")}.tar`;
  const parts = `${jobPrefix(id)}parts/`;
  const contentType = "application/x-tar";
  if (!(await store.stat(key))) {
    const images: ResultFile[] = [];
    const onImage = async (file: ResultFile, isNew: boolean) => {
      images.push(file);
      if (isNew) await reporter.advance();
    };
    await models.use(input.model, (model) =>
      makeImages({ input, model, store, prefix: parts, reporter, previewEveryMs: 0, onImage }),
    );
    images.sort((a, b) => a.identity! - b.identity! || a.seed! - b.seed!);
    const blocks: Uint8Array[] = [];
    for (const image of images) {
      const png = await readStored(store, image.key);
      const identity = input.firstIdentity + image.identity!;
      const name = `${String(identity).padStart(8, "0")}_${image.seed}`;
      blocks.push(...tarFile(`${name}.png`, png));
      blocks.push(...tarFile(`${name}.cls`, Buffer.from(String(identity))));
      blocks.push(...tarFile(`${name}.json`, Buffer.from(JSON.stringify(readGeneration(png)))));
    }
    reporter.signal.throwIfAborted();
    // Two empty blocks end an archive.
    await store.write(key, Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)]), contentType);
  }
  const { byteLength } = (await store.stat(key))!;
  await reporter.file({ key, contentType, byteLength });
  await store.deletePrefix(parts);
}

/** One file of an archive: the same content gives the same bytes, whenever it is packed. */
function tarFile(path: string, content: Uint8Array): Uint8Array[] {
  const header = Buffer.alloc(blockBytes);
  new Header({ path, mode: 0o644, size: content.length, mtime: new Date(0), type: "File" }).encode(header, 0);
  const padding = Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes);
  return [header, content, padding];
}
