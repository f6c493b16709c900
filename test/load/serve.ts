/**
 * Load on a server, run by hand:
 *
 *     node --import tsx test/load/serve.ts [--model NAME=SOURCE] [--clients 200] [--minutes 30]
 *
 * First all clients ask at once; each waits when it is refused, and follows its generation to the end. Then a few go on for
 * the given time, while the server's memory and the delay of its event loop are read from its metrics. Prints a curve and a
 * verdict; exits with 1 if something was lost, or the delay was too long.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openDatabase } from "../../src/server/database.js";
import { KeyStore } from "../../src/server/keys.js";
import { Client, newTally, type Tally } from "./client.js";

const { values } = parseArgs({
  options: {
    model: { type: "string", default: `tiny=${fileURLToPath(new URL("../fixtures/tiny", import.meta.url))}` },
    clients: { type: "string", default: "200" },
    /** Generations that may wait. */
    queued: { type: "string", default: "50" },
    minutes: { type: "string", default: "2" },
    /** Clients of the second part. */
    steady: { type: "string", default: "4" },
    steps: { type: "string", default: "4" },
    images: { type: "string", default: "2" },
    /** Of the server's networks. Default: one for each core. */
    threads: { type: "string" },
    /** Measure how similar the images are, too; the model must be one for the recogniser that the server has. */
    similarity: { type: "boolean", default: false },
  },
});
const root = fileURLToPath(new URL("../..", import.meta.url));
const maxDelayMs = 50;
/** Clients of one key, so that the limit of each key's requests is not what is measured. */
const clientsPerKey = 4;
const sampleMs = 5000;

interface Sample {
  readonly minute: number;
  readonly rssMB: number;
  readonly heapMB: number;
  readonly delayMs: number;
  readonly images: number;
}

const dataFolder = await mkdtemp(join(tmpdir(), "arc2face-load-"));
const clientCount = Number(values.clients);
const keys = makeKeys(Math.ceil(clientCount / clientsPerKey));
const server = await startServer();
const sampling = new AbortController();
try {
  const tally = newTally();
  const clients = Array.from(
    { length: clientCount },
    (_, i) => new Client(server.address, keys[i % keys.length]!, tally),
  );
  const request = {
    identity: await makeIdentity(clients[0]!),
    count: Number(values.images),
    steps: Number(values.steps),
  };
  const samples: Sample[] = [];
  const sampled = takeSamples(clients[0]!, tally, samples, sampling.signal);

  await Promise.all(clients.map((client) => client.generate(request)));
  report(`${clientCount} clients at once`, tally);
  const atOnce = samples.length;

  const untilMs = performance.now() + Number(values.minutes) * 60_000;
  const goOn = async (client: Client) => {
    while (performance.now() < untilMs) await client.delete(`/api/v1/generations/${await client.generate(request)}`);
  };
  await Promise.all(clients.slice(0, Number(values.steady)).map(goOn));
  sampling.abort();
  await sampled;
  report(`and ${values.steady} clients for ${values.minutes} minutes`, tally);
  showCurve(samples, atOnce);
  await Promise.all(clients.map((client) => client.close()));
  process.exitCode = isGood(tally, samples) ? 0 : 1;
} finally {
  sampling.abort();
  server.process.kill("SIGTERM");
  await once(server.process, "exit");
  await rm(dataFolder, { recursive: true });
}

function makeKeys(count: number): string[] {
  const db = openDatabase(join(dataFolder, "server.db"));
  const store = new KeyStore(db);
  const secrets = Array.from({ length: count }, (_, i) => store.create(`client ${i}`).secret);
  db.close();
  return secrets;
}

async function startServer() {
  const args = ["serve", "--port", "0", "--data", dataFolder, "--model", values.model, "--require-key"];
  if (values.threads) args.push("--threads", values.threads);
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "src/cli/main.ts", ...args, "--max-queued", values.queued, "--drain", "5"],
    { cwd: root, stdio: ["ignore", "pipe", "inherit"] },
  );
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { process: child, address: line.toString().trim() };
}

/** Somebody whom the model can make. */
async function makeIdentity(client: Client): Promise<string> {
  const { items } = await client.json<{ items: { embeddingSize: number; recogniser: { sha256: string } | null }[] }>(
    "/api/v1/models",
  );
  const { embeddingSize, recogniser } = items[0]!;
  const embedding = Array.from({ length: embeddingSize }, (_, i) => Math.sin(i));
  const origin = values.similarity && recogniser ? { recogniser: recogniser.sha256 } : {};
  const body = { name: "Load", consent: true, embedding, ...origin };
  return (await client.post<{ id: string }>("/api/v1/identities", body)).id;
}

async function takeSamples(client: Client, tally: Tally, samples: Sample[], signal: AbortSignal): Promise<void> {
  const startMs = performance.now();
  while (!signal.aborted) {
    const metrics = await client.text("/metrics").catch((error: Error) => {
      if (!signal.aborted) tally.faults.push(`metrics: ${error.message}`);
      return "";
    });
    const read = (name: string) => Number(new RegExp(`^${name} (\\S+)`, "m").exec(metrics)?.[1]);
    samples.push({
      minute: (performance.now() - startMs) / 60_000,
      rssMB: read("process_resident_memory_bytes") / 2 ** 20,
      heapMB: read("nodejs_heap_size_used_bytes") / 2 ** 20,
      // Since the sample before; it includes the 10 ms at which the delay is looked at.
      delayMs: read("nodejs_eventloop_lag_p99_seconds") * 1000,
      images: tally.images,
    });
    await sleep(sampleMs, undefined, { signal }).catch(() => undefined);
  }
}

function report(what: string, { accepted, refused, refusedWithoutWait, done, images, faults }: Tally): void {
  console.log(
    `${what}: ${accepted} accepted, ${done} done, ${images} images; ${refused} refused with 429, ` +
      `${refusedWithoutWait} of them without Retry-After; ${faults.length} faults`,
  );
  for (const fault of faults.slice(0, 10)) console.log(`  ${fault}`);
}

/** At most forty rows. */
function showCurve(samples: readonly Sample[], atOnce: number): void {
  console.log("\nminute   RSS MB  heap MB  p99 delay ms   images");
  const stride = Math.max(1, Math.ceil(samples.length / 40));
  for (const [i, { minute, rssMB, heapMB, delayMs, images }] of samples.entries()) {
    if (i % stride !== 0 && i !== samples.length - 1) continue;
    const cells = [minute.toFixed(1), rssMB.toFixed(0), heapMB.toFixed(0), delayMs.toFixed(1), String(images)];
    console.log(
      cells.map((cell, k) => cell.padStart([6, 9, 9, 14, 9][k]!)).join(""),
      i < atOnce ? "  all at once" : "",
    );
  }
  const steady = samples.slice(atOnce + Math.floor((samples.length - atOnce) / 3));
  console.log(`\nslope of the last two thirds: ${slope(steady).toFixed(2)} MB of RSS a minute`);
}

/** Least squares of RSS over time. */
function slope(samples: readonly Sample[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [samples.map(({ minute }) => minute), samples.map(({ rssMB }) => rssMB)];
  const [meanX, meanY] = [mean(x), mean(y)];
  const covariance = mean(x.map((value, i) => (value - meanX) * (y[i]! - meanY)));
  return covariance / mean(x.map((value) => (value - meanX) ** 2));
}

function isGood(tally: Tally, samples: readonly Sample[]): boolean {
  const byDelay = samples.toSorted((a, b) => a.delayMs - b.delayMs);
  const [median, worst] = [byDelay[Math.floor(byDelay.length / 2)]!, byDelay.at(-1)!];
  console.log(
    `p99 delay of the event loop: median ${median.delayMs.toFixed(1)} ms, worst ${worst.delayMs.toFixed(1)} ms, ` +
      `in minute ${worst.minute.toFixed(1)}, of ${byDelay.length} samples`,
  );
  const isWhole = tally.accepted === tally.done && tally.faults.length === 0 && tally.refusedWithoutWait === 0;
  return isWhole && worst.delayMs < maxDelayMs;
}
