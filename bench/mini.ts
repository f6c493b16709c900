import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { resolveFolder } from "../src/hub/pull.js";
import { Arc2Face } from "../src/pipeline/arc2face.js";
import { TorchGenerator } from "../src/tensor/random.js";
import { runPeer } from "./peer.js";

export interface MiniBenchOptions {
  /** Name or folder of the model. */
  readonly model: string;
  /** Interpreter with reference/requirements.txt installed. */
  readonly python: string;
  readonly runs: number;
  readonly threads: number | undefined;
}

const batches = [1, 16];
const stepCounts = [4, 25];

const peerSchema = z.object({
  engine: z.string(),
  runs: z.array(z.object({ batch: z.number(), steps: z.number(), seconds: z.number(), layout: z.string() })),
});

/** Images of a small model, from embedding to pixels: beside diffusers on the same weights, and from the command line. */
export async function benchMini({
  model: source,
  python,
  runs,
  threads = availableParallelism(),
}: MiniBenchOptions): Promise<void> {
  const folder = await resolveFolder(source);
  const model = await Arc2Face.load(folder, { threads });
  const faceEmbedding = new TorchGenerator(0).randn([model.embeddingSize]).data;
  // With guidance both branches are computed, which is what the peer does.
  const make = async (batch: number, steps: number) => {
    const request = {
      faceEmbedding,
      count: batch,
      batchSize: batch,
      steps,
      seed: 1,
      sampler: "dpm++",
      guidanceScale: 2,
    };
    for await (const _ of model.generate(request as Parameters<typeof model.generate>[0]));
  };
  const ours: { batch: number; steps: number; seconds: number }[] = [];
  for (const batch of batches) {
    for (const steps of stepCounts) ours.push({ batch, steps, seconds: await best(() => make(batch, steps), runs) });
  }
  await model.release();

  const args = [folder, `--threads=${threads}`, `--runs=${runs}`];
  const peer = peerSchema.optional().parse(await runPeer(python, "reference/bench_mini.py", args));
  console.log(`${folder}, threads ${threads}, dpm++, guidance 2; the fastest of ${runs}`);
  for (const { batch, steps, seconds } of ours) {
    const other = peer?.runs.find((run) => run.batch === batch && run.steps === steps);
    const beside = other
      ? `, ${peer?.engine} ${other.seconds.toFixed(3)} s (${other.layout}), ratio ${(seconds / other.seconds).toFixed(2)}`
      : "";
    console.log(`${batch} image${batch === 1 ? "" : "s"}, ${steps} steps: ${seconds.toFixed(3)} s${beside}`);
  }
  if (!peer) console.log(`(no peer: ${python} is not there; see reference/README.md)`);
  await benchCommand(folder, faceEmbedding, runs);
}

/** One image from the command line, as the model's defaults have it, with all that it takes to start. Needs the build. */
async function benchCommand(model: string, embedding: Float32Array, runs: number): Promise<void> {
  const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
  if (!existsSync(main)) return console.log("command line: not measured (npm run build first)");
  const out = await mkdtemp(join(tmpdir(), "arc2face-bench-"));
  try {
    const face = join(out, "face.json");
    await writeFile(face, JSON.stringify([...embedding]));
    const args = [main, "generate", face, "--model", model, "-n", "1", "--seed", "1", "--out", out];
    for (const extra of [["--no-likeness"], []]) {
      const seconds = await best(() => runNode([...args, ...extra]), runs);
      console.log(
        `command line, 1 image, default steps${extra.length ? ", not measured" : ""}: ${seconds.toFixed(2)} s`,
      );
    }
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

function runNode(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
    child.once("error", reject);
    child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`the command ended with ${code}`))));
  });
}

/** The fastest run in seconds, being the least disturbed one, after one that is not counted. */
async function best(work: () => Promise<void>, runs: number): Promise<number> {
  await work();
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await work();
    least = Math.min(least, (performance.now() - start) / 1e3);
  }
  return least;
}
