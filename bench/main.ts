import { parseArgs } from "node:util";
import { benchFaces } from "./faces.js";
import { benchFull } from "./full.js";
import { benchFullStep } from "./full-step.js";
import { benchMini } from "./mini.js";
import { benchTrain } from "./train.js";

/** Each benchmark prints figures of this machine in this run; compare ratios, not times of different runs. */
const benches = { faces: benchFaces, full: benchFull, mini: benchMini, step: benchFullStep, train: benchTrain };

const defaultPhotos = process.env.ARC2FACE_DATA ? `${process.env.ARC2FACE_DATA}/portraits` : "../shared/data/portraits";

const help = `usage: npm run bench -- BENCH [options]

benches
  faces   photos per second from file to embedding, the networks' share of it, and insightface's Python code beside it
  full    the full-size networks at 512x512: times, loading, memory, operators; beside diffusers
  mini    images of a small model, from embedding to pixels; beside diffusers
  step    optimization steps of the full-size UNet and face encoder at 512x512, state on disk
  train   images per second in training a small UNet, beside PyTorch

options
  --model FOLDER   full, mini, step: the model (default: mini for mini, else reference/full/f32)
  --photos FOLDER  faces: photos with one face each (default: ${defaultPhotos})
  --python PATH    Python of the peers (default: reference/.venv/bin/python); without it they are left out
  --runs N         passes that take turns; the median is printed (default: 3)
  --threads N      processor threads within a network (default: all cores)
  -h, --help       this text`;

const options = {
  help: { type: "boolean", short: "h", default: false },
  model: { type: "string" },
  photos: { type: "string", default: defaultPhotos },
  python: { type: "string", default: "reference/.venv/bin/python" },
  runs: { type: "string", default: "3" },
  threads: { type: "string" },
} as const;

function read() {
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    return (error as Error).message;
  }
}

const given = read();
const name = typeof given === "string" ? "" : (given.positionals[0] ?? "");
if (typeof given === "string") {
  console.error(`${given}\n\n${help}`);
  process.exitCode = 2;
} else if (given.values.help) {
  console.log(help);
} else if (!Object.hasOwn(benches, name)) {
  console.error(`${name === "" ? "Name a bench." : `There is no bench "${name}".`}\n\n${help}`);
  process.exitCode = 2;
} else {
  const { values } = given;
  await benches[name as keyof typeof benches]({
    model: values.model ?? (name === "mini" ? "mini" : "reference/full/f32"),
    photos: values.photos,
    python: values.python,
    runs: Number(values.runs),
    threads: values.threads === undefined ? undefined : Number(values.threads),
  });
}
