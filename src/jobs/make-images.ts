import { encodePng } from "../image/encode.js";
import type { Arc2Face, GeneratedImage } from "../pipeline/arc2face.js";
import type { JobInputs } from "./input.js";
import type { ResultFile } from "./job.js";
import { Previews } from "./previews.js";
import type { JobReporter } from "./queue.js";
import type { ResultStore } from "./store.js";

/** Consecutive seeds of some identities. */
export interface SeedRun {
  readonly identities: readonly number[];
  readonly seed: number;
  readonly count: number;
}

export interface MakeImagesOptions {
  readonly input: JobInputs["generate"] | JobInputs["dataset-shard"];
  readonly model: Arc2Face;
  readonly store: ResultStore;
  /** Where the images go. */
  readonly prefix: string;
  readonly reporter: JobReporter;
  readonly previewEveryMs: number;
  /** Told of every image: of those that were there before first. */
  readonly onImage: (file: ResultFile, isNew: boolean) => Promise<void>;
}

/**
 * Makes the images that are not in the store yet, each as `IDENTITY-SEED.png`. The bytes of an image depend on the input
 * alone: not on which images were there, nor on who makes it.
 */
export async function makeImages(options: MakeImagesOptions): Promise<void> {
  const { input, model, store, prefix, reporter, onImage } = options;
  const { faceEmbeddings, count, model: _, previewEveryMs: __, ...request } = { previewEveryMs: 0, ...input };
  const wanted = listImages(input);
  const there = await findImages(store, prefix, wanted);
  for (const file of there.values()) await onImage(file, false);
  let done = there.size;
  const previews = new Previews(options.previewEveryMs, (preview) => reporter.preview(preview));
  try {
    for (const run of planRuns(wanted.filter((image) => !there.has(imageName(image))))) {
      const original = (identity: number) => run.identities[identity]!;
      const images = model.generate({
        ...request,
        faceEmbedding: run.identities.map((identity) => faceEmbeddings[identity]!),
        seed: run.seed,
        count: run.count,
        // Sums in a batch of another size can be rounded otherwise, by which a pixel in a million changes its last bit:
        // what is made again after an interruption must not depend on what it shares a batch with.
        batchSize: 1,
        signal: reporter.signal,
        onStep: (progress) => {
          const batch = progress.images.map(({ identity, seed }) => ({ identity: original(identity), seed }));
          const { step, steps } = progress;
          reporter.progress({ unit: "images", done, total: wanted.length, step, steps, images: batch });
          previews.offer({ ...progress, images: batch });
        },
      });
      for await (const image of images) {
        await onImage(await storeImage(store, prefix, { ...image, identity: original(image.identity) }), true);
        reporter.progress({ unit: "images", done: ++done, total: wanted.length });
      }
    }
  } finally {
    await previews.settle();
  }
}

/** The images of a job, person by person. */
function listImages({ faceEmbeddings, count, seed }: MakeImagesOptions["input"]): { identity: number; seed: number }[] {
  return faceEmbeddings.flatMap((_, identity) =>
    Array.from({ length: count }, (_, i) => ({ identity, seed: seed! + i })),
  );
}

function imageName({ identity, seed }: { identity: number; seed: number }): string {
  return `${identity}-${seed}.png`;
}

/** The wanted images that are in the store, by name. */
async function findImages(
  store: ResultStore,
  prefix: string,
  wanted: readonly { identity: number; seed: number }[],
): Promise<Map<string, ResultFile>> {
  const byName = new Map(wanted.map((image) => [imageName(image), image]));
  const found = new Map<string, ResultFile>();
  for await (const { key, byteLength } of store.list(prefix)) {
    const name = key.slice(prefix.length);
    const image = byName.get(name);
    if (image) found.set(name, { key, contentType: "image/png", byteLength, ...image });
  }
  return found;
}

/** Groups images so that few calls make them: those of identities which lack the same seeds go together. */
export function planRuns(images: readonly { identity: number; seed: number }[]): SeedRun[] {
  const seedsOf = new Map<number, number[]>();
  for (const { identity, seed } of images) seedsOf.set(identity, [...(seedsOf.get(identity) ?? []), seed]);
  const runs = new Map<string, { identities: number[]; seed: number; count: number }>();
  for (const [identity, seeds] of seedsOf) {
    for (const { seed, count } of consecutive(seeds)) {
      const run = runs.get(`${seed}+${count}`);
      if (run) run.identities.push(identity);
      else runs.set(`${seed}+${count}`, { identities: [identity], seed, count });
    }
  }
  return [...runs.values()];
}

/** @param seeds ascending */
function consecutive(seeds: readonly number[]): { seed: number; count: number }[] {
  const runs: { seed: number; count: number }[] = [];
  for (const seed of seeds) {
    const last = runs.at(-1);
    if (last && seed === last.seed + last.count) last.count++;
    else runs.push({ seed, count: 1 });
  }
  return runs;
}

async function storeImage(store: ResultStore, prefix: string, image: GeneratedImage): Promise<ResultFile> {
  const { identity, seed, record } = image;
  const png = await encodePng(image, { generation: record });
  const key = prefix + imageName(image);
  await store.write(key, png, "image/png");
  return { key, contentType: "image/png", byteLength: png.length, identity, seed };
}
