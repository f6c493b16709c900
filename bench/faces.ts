import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { FaceEmbedder } from "../src/face/embed.js";
import { forEachPhoto } from "../src/face/photo-batch.js";
import { pullModel } from "../src/hub/pull.js";
import { decodeImage } from "../src/image/decode.js";
import { runPeer } from "./peer.js";

/** One pass over all photos. */
interface Pass {
  readonly seconds: number;
  /** Of all threads. */
  readonly cpuSeconds: number;
  /** Sum of the three networks; more than `seconds` where they ran at the same time. */
  readonly networkSeconds: number;
}

const peerName = "Python, one by one";

/**
 * Photo to embedding, end to end, on a folder of photos with one face each: one photo after the other, several at once (as
 * `embed` works), and insightface's Python code on the same files. They take turns, so that other work on the machine
 * meets all of them; medians are printed. Processor time says more than the rate where other work is going on.
 */
export async function benchFaces(options: {
  photos: string;
  python: string;
  runs: number;
  threads?: number | undefined;
}) {
  const { photos: folder, python, runs, threads } = options;
  if (!existsSync(folder)) throw new Error(`there is no folder ${folder}; give one with --photos`);
  const photos = readdirSync(folder)
    .sort()
    .map((name) => ({ path: join(folder, name) }));
  const embedder = await FaceEmbedder.load({ threads, device: "cpu" });
  const embed = async ({ path }: { path: string }) => embedder.embed(await decodeImage(path));

  const measure = async (work: () => Promise<unknown>): Promise<Pass> => {
    const [startMs, networkMs, cpu] = [performance.now(), embedder.networkMs, process.cpuUsage()];
    await work();
    const { user, system } = process.cpuUsage(cpu);
    return {
      seconds: (performance.now() - startMs) / 1000,
      cpuSeconds: (user + system) / 1e6,
      networkSeconds: (embedder.networkMs - networkMs) / 1000,
    };
  };
  const ways: Record<string, () => Promise<Pass | undefined>> = {
    "one by one": () =>
      measure(async () => {
        for (const photo of photos) await embed(photo);
      }),
    "several at once": () => measure(() => forEachPhoto(photos, embed)),
    [peerName]: await peer(python, folder, threads),
  };

  // A first pass compiles code and warms the caches.
  await forEachPhoto(photos, embed);
  const passes: Record<string, Pass[]> = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let run = 0; run < runs; run++) {
    for (const [name, way] of Object.entries(ways)) {
      const pass = await way();
      if (pass) passes[name]!.push(pass);
    }
  }
  await embedder.release();
  const peers = passes[peerName]!;
  for (const [name, all] of Object.entries(passes)) if (all.length > 0) print(name, photos.length, all, peers);
  if (peers.length === 0) console.log(`${peerName}: not measured (${python} is missing)`);
}

async function peer(python: string, folder: string, threads: number | undefined) {
  const { folder: model } = await pullModel("face-npm");
  const files = ["fr_detect.onnx", "fr_landmark.onnx", "fr_feature.onnx"].map((name) => join(model, name));
  const count = threads === undefined ? [] : ["--threads", String(threads)];
  return async () =>
    (await runPeer(python, "reference/bench_faces.py", [...files, folder, ...count])) as Pass | undefined;
}

function print(name: string, photos: number, passes: readonly Pass[], peers: readonly Pass[]): void {
  const of = (value: (pass: Pass, i: number) => number, digits: number, width: number) =>
    median(passes.map(value)).toFixed(digits).padStart(width);
  const columns = [
    name.padEnd(20),
    `${of(({ seconds }) => photos / seconds, 1, 6)} photos/s`,
    `${of(({ cpuSeconds }) => (1000 * cpuSeconds) / photos, 1, 6)} ms of processor time each`,
    `networks ${of(({ seconds, networkSeconds }) => (100 * networkSeconds) / seconds, 0, 3)} % of the time`,
    ...(peers.length > 0 ? [`${of(({ seconds }, i) => peers[i]!.seconds / seconds, 2, 5)} of Python's rate`] : []),
  ];
  console.log(columns.join("  "));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
