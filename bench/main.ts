import { parseArgs } from "node:util";
import { benchFull } from "./full.js";
import { benchTrain } from "./train.js";

/** Each benchmark prints figures of this machine in this run; compare ratios, not times of different runs. */
const benches = { full: benchFull, train: benchTrain };

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: "string", default: "reference/full/f32" },
    python: { type: "string", default: "reference/.venv/bin/python" },
    runs: { type: "string", default: "3" },
    threads: { type: "string" },
  },
});

const name = positionals[0] ?? "";
if (!Object.hasOwn(benches, name)) {
  console.error(
    `usage: npm run bench -- ${Object.keys(benches).join("|")} [--model FOLDER] [--python PATH] [--runs N] [--threads N]`,
  );
  process.exitCode = 2;
} else {
  await benches[name as keyof typeof benches]({
    model: values.model,
    python: values.python,
    runs: Number(values.runs),
    threads: values.threads === undefined ? undefined : Number(values.threads),
  });
}
