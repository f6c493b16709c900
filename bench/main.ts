import { parseArgs } from "node:util";
import { benchFaces } from "./faces.js";
import { benchFull } from "./full.js";
import { benchFullStep } from "./full-step.js";
import { benchMini } from "./mini.js";
import { benchTrain } from "./train.js";

/** Each benchmark prints figures of this machine in this run; compare ratios, not times of different runs. */
const benches = { faces: benchFaces, full: benchFull, mini: benchMini, step: benchFullStep, train: benchTrain };

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: "string" },
    photos: {
      type: "string",
      default: process.env.ARC2FACE_DATA ? `${process.env.ARC2FACE_DATA}/portraits` : "../shared/data/portraits",
    },
    python: { type: "string", default: "reference/.venv/bin/python" },
    runs: { type: "string", default: "3" },
    threads: { type: "string" },
  },
});

const name = positionals[0] ?? "";
if (!Object.hasOwn(benches, name)) {
  console.error(
    `usage: npm run bench -- ${Object.keys(benches).join("|")} [--model FOLDER] [--photos FOLDER] [--python PATH] [--runs N] [--threads N]`,
  );
  process.exitCode = 2;
} else {
  await benches[name as keyof typeof benches]({
    model: values.model ?? (name === "mini" ? "mini" : "reference/full/f32"),
    photos: values.photos,
    python: values.python,
    runs: Number(values.runs),
    threads: values.threads === undefined ? undefined : Number(values.threads),
  });
}
