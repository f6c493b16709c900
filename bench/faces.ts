import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { FaceEmbedder } from "../src/face/embed.js";
import { pullModel } from "../src/hub/pull.js";
import { decodeImage } from "../src/image/decode.js";
import { runPeer } from "./peer.js";

interface PeerResult {
  readonly photos: number;
  readonly seconds: number;
  readonly networkSeconds: number;
}

/** Photos in work at once in the second figure, as the command line has it. */
const concurrency = 3;

/**
 * Photo to embedding, end to end, on a folder of photos with one face each: one photo after the other, where the share of
 * the time that is spent inside the networks says what everything else costs, and several at once, as `embed` works.
 */
export async function benchFaces({
  photos,
  python,
  threads,
}: {
  photos: string;
  python: string;
  threads?: number | undefined;
}) {
  if (!existsSync(photos)) throw new Error(`there is no folder ${photos}; give one with --photos`);
  const paths = readdirSync(photos)
    .sort()
    .map((name) => join(photos, name));
  const embedder = await FaceEmbedder.load({ threads, device: "cpu" });
  const embed = async (path: string) => embedder.embed(await decodeImage(path));
  await Promise.all(paths.slice(0, 10).map(embed));

  const measure = async (label: string, work: () => Promise<unknown>) => {
    const [startMs, networkMs] = [performance.now(), embedder.networkMs];
    await work();
    print(label, paths.length, performance.now() - startMs, embedder.networkMs - networkMs);
  };
  await measure("one by one", async () => {
    for (const path of paths) await embed(path);
  });
  await measure(`${concurrency} at once`, async () => {
    let next = 0;
    const takeTurns = async () => {
      for (let i = next++; i < paths.length; i = next++) await embed(paths[i]!);
    };
    await Promise.all(Array.from({ length: concurrency }, takeTurns));
  });
  await embedder.release();

  const { folder } = await pullModel("face-npm");
  const files = ["fr_detect.onnx", "fr_landmark.onnx", "fr_feature.onnx"].map((name) => join(folder, name));
  const count = threads === undefined ? [] : ["--threads", String(threads)];
  const peer = (await runPeer(python, "reference/bench_faces.py", [...files, photos, ...count])) as
    | PeerResult
    | undefined;
  if (peer) print("Python, one by one", peer.photos, 1000 * peer.seconds, 1000 * peer.networkSeconds);
  else console.log(`Python: not measured (${python} is missing)`);
}

function print(label: string, photos: number, totalMs: number, networkMs: number): void {
  const rate = ((1000 * photos) / totalMs).toFixed(1).padStart(6);
  const share = ((100 * networkMs) / totalMs).toFixed(0).padStart(4);
  console.log(
    `${label.padEnd(20)} ${rate} photos/s  ${(totalMs / photos).toFixed(1).padStart(6)} ms each  ${share} % in the networks`,
  );
}
