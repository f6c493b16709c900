import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { buildModel, doubling, matrixPowers, Type } from "../../test/helpers/onnx-models.js";
import { CheckpointError, DeviceError, InputError, ShapeError } from "../errors.js";
import { f32, tensor, zeros } from "../tensor/tensor.js";
import { Session, type SessionOptions } from "./session.js";

const folder = mkdtempSync(join(tmpdir(), "arc2face-session-"));
afterAll(() => rmSync(folder, { recursive: true }));

const open: Session[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((session) => session.release()));
});

async function load(bytes: Uint8Array, options?: SessionOptions): Promise<Session> {
  const session = await Session.load({ bytes, externalFiles: new Map() }, { device: "cpu", ...options });
  open.push(session);
  return session;
}

describe("run", () => {
  it("computes, and describes inputs and outputs", async () => {
    const session = await load(doubling([2, "n"]));
    expect(session.inputs).toEqual([{ name: "x", dtype: "f32", shape: [2, "n"] }]);
    expect(session.outputs).toEqual([{ name: "y", dtype: "f32", shape: [2, "n"] }]);
    const { y } = await session.run({ x: f32([2, 3], [1, 2, 3, 4, 5, 6]) });
    expect(y).toEqual(f32([2, 3], [2, 4, 6, 8, 10, 12]));
    expect(session.stats).toMatchObject({ device: "cpu", graph: "direct", runs: 1 });
    expect(session.stats.lastRunMs).toBeGreaterThan(0);
  });

  it("reads a model from its file", async () => {
    const path = join(folder, "double.onnx");
    writeFileSync(path, doubling([2]));
    const session = await Session.load(path, { device: "cpu" });
    open.push(session);
    expect((await session.run({ x: f32([2], [3, -4]) })).y?.data).toEqual(Float32Array.of(6, -8));
  });

  it("passes every dtype that the binding takes", async () => {
    const doubled = [
      ["f16", Type.FLOAT16, Uint16Array.of(0x3c00, 0x4200), Uint16Array.of(0x4000, 0x4600)],
      ["i64", Type.INT64, BigInt64Array.of(2n ** 40n, -3n), BigInt64Array.of(2n ** 41n, -6n)],
      ["i32", Type.INT32, Int32Array.of(7, -8), Int32Array.of(14, -16)],
      ["f64", Type.DOUBLE, Float64Array.of(0.1, 1), Float64Array.of(0.2, 2)],
      ["u8", Type.UINT8, Uint8Array.of(7, 100), Uint8Array.of(14, 200)],
      ["i8", Type.INT8, Int8Array.of(7, -8), Int8Array.of(14, -16)],
    ] as const;
    const types = [...doubled.map(([dtype, type]) => [dtype, type] as const), ["bool", Type.BOOL] as const];
    const values = (prefix: string) => types.map(([dtype, type]) => ({ name: `${prefix}.${dtype}`, type, shape: [2] }));
    const nodes = doubled.map(([d]) => ({ op: "Add", inputs: [`x.${d}`, `x.${d}`], outputs: [`y.${d}`] }));
    nodes.push({ op: "Not", inputs: ["x.bool"], outputs: ["y.bool"] });
    const session = await load(buildModel({ inputs: values("x"), outputs: values("y"), nodes }));
    const feeds = Object.fromEntries(doubled.map(([d, , x]) => [`x.${d}`, tensor(d, [2], x as never)]));
    const outputs = await session.run({ ...feeds, "x.bool": tensor("bool", [2], Uint8Array.of(0, 1)) });
    for (const [dtype, , , data] of doubled) expect(outputs[`y.${dtype}`]).toEqual({ dtype, shape: [2], data });
    expect(outputs["y.bool"]).toEqual(tensor("bool", [2], Uint8Array.of(1, 0)));
  });

  it("leaves the feeds as they are, and takes views and shared memory", async () => {
    const session = await load(doubling([2]));
    const whole = Float32Array.of(0, 1, 2, 3);
    const view = tensor("f32", [2], whole.subarray(1, 3));
    expect((await session.run({ x: view })).y?.data).toEqual(Float32Array.of(2, 4));
    expect(whole).toEqual(Float32Array.of(0, 1, 2, 3));
    const shared = new Float32Array(new SharedArrayBuffer(8)).fill(5) as Float32Array<ArrayBufferLike>;
    expect((await session.run({ x: tensor("f32", [2], shared as Float32Array<ArrayBuffer>) })).y?.data[1]).toBe(10);
  });

  it("takes the feeds' memory where it is given", async () => {
    const session = await load(doubling([2]));
    const x = f32([2], [3, -4]);
    expect((await session.run({ x }, { give: true })).y?.data).toEqual(Float32Array.of(6, -8));
    expect(x.data.length).toBe(0);
  });

  it("takes turns with a session beside it, each with a state of its own, and outlives it", async () => {
    const first = await load(doubling([2]));
    const second = await load(doubling([1]), { beside: first, keepMemory: false });
    const state = await second.createState({ x: f32([1], [5]) });
    const results = await Promise.all([first.run({ x: f32([2], [1, 2]) }), second.run({}, { state })]);
    expect(results.map(({ y }) => [...(y?.data ?? [])])).toEqual([[2, 4], [10]]);
    await first.release();
    expect((await second.run({}, { state, carry: { y: "x" }, outputs: [] })).y).toBeUndefined();
    expect((await state.read()).x).toEqual(f32([1], [10]));
    await expect(load(doubling([1]), { beside: first })).rejects.toThrow(/was released/);
  });

  it("leaves the event loop free", async () => {
    const session = await load(matrixPowers(512, 80), { threads: 1 });
    let ticks = 0;
    const timer = setInterval(() => ticks++, 10);
    await session.run({ x: zeros("f32", [512, 512]) });
    clearInterval(timer);
    expect(session.stats.lastRunMs).toBeGreaterThan(50);
    // A blocked thread would not tick at all; on a machine full of other work, a free one may wait for its turn.
    expect(ticks).toBeGreaterThan(Math.max(2, session.stats.lastRunMs / 200));
  });
});

describe("errors", () => {
  it("names the input that is missing, unknown, of another dtype or shape", async () => {
    const session = await load(doubling([2, "n"]));
    await expect(session.run({})).rejects.toThrow(new InputError('Input "x" [2, n] is missing.'));
    await expect(session.run({ x: f32([2, 1], [1, 2]), z: f32([], [1]) })).rejects.toThrow(/no input "z".*: x/);
    await expect(session.run({ x: zeros("i64", [2, 1]) })).rejects.toThrow('Input "x" is f32, and was given i64.');
    await expect(session.run({ x: zeros("f32", [3, 1]) })).rejects.toThrow(ShapeError);
  });

  it("names the node that fails while running, and the session stays usable", async () => {
    const shape = ["n", "m"];
    const session = await load(
      buildModel({
        inputs: [{ name: "x", shape }],
        outputs: [{ name: "y", shape }],
        nodes: [{ op: "MatMul", name: "blocks.3.to_q", inputs: ["x", "x"], outputs: ["y"] }],
      }),
    );
    const failure = session.run({ x: zeros("f32", [2, 3]) });
    await expect(failure).rejects.toThrow(ShapeError);
    await expect(failure).rejects.toThrow(/^MatMul "blocks\.3\.to_q": /);
    expect((await session.run({ x: f32([1, 1], [3]) })).y?.data[0]).toBe(9);
  });

  it("says what is wrong with a model", async () => {
    await expect(load(Uint8Array.of(1, 2, 3))).rejects.toThrow(CheckpointError);
    await expect(Session.load(join(folder, "none.onnx"))).rejects.toThrow(CheckpointError);
    const shape = [2];
    const unknown = buildModel({
      inputs: [{ name: "x", shape }],
      outputs: [{ name: "y", shape }],
      nodes: [{ op: "Teleport", name: "t", inputs: ["x"], outputs: ["y"] }],
    });
    await expect(load(unknown)).rejects.toThrow(/Teleport "t"/);
  });

  it("refuses unknown and missing devices, and bad thread counts", async () => {
    const model = { bytes: doubling([1]), externalFiles: new Map<string, string>() };
    await expect(Session.load(model, { device: "tpu" as "cpu" })).rejects.toThrow(InputError);
    const missing = process.platform === "win32" ? "coreml" : "dml";
    await expect(Session.load(model, { device: missing })).rejects.toThrow(DeviceError);
    await expect(Session.load(model, { device: "cpu", threads: 0 })).rejects.toThrow(InputError);
  });

  it("refuses to run after release", async () => {
    const session = await load(doubling([1]));
    await open.pop()?.release();
    await expect(session.run({ x: f32([1], [1]) })).rejects.toThrow("run: the session was released; load it again.");
  });
});

describe("abort", () => {
  it("rejects at once with the reason, drops the waiting run, and the session stays usable", async () => {
    const session = await load(matrixPowers(512, 80), { threads: 1 });
    const x = zeros("f32", [512, 512]);
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    const begun = session.run({ x }, { signal: controller.signal });
    const waiting = session.run({ x }, { signal: controller.signal });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const start = performance.now();
    controller.abort(reason);
    await expect(begun).rejects.toBe(reason);
    await expect(waiting).rejects.toBe(reason);
    const rejectedMs = performance.now() - start;
    await session.run({ x });
    expect(rejectedMs).toBeLessThan(session.stats.lastRunMs / 2);
    // The run that had begun was dropped, the one that waited never started.
    expect(session.stats.runs).toBe(1);
    await expect(session.run({ x }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(load(doubling([1]), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe("state", () => {
  /** sum' = sum + x; difference = sum - x. */
  const accumulate = buildModel({
    inputs: [
      { name: "x", shape: [3] },
      { name: "sum", shape: [3] },
    ],
    outputs: [
      { name: "next", shape: [3] },
      { name: "difference", shape: [3] },
    ],
    nodes: [
      { op: "Add", inputs: ["sum", "x"], outputs: ["next"] },
      { op: "Sub", inputs: ["sum", "x"], outputs: ["difference"] },
    ],
  });
  const x = f32([3], [1, 10, 100]);

  it("carries outputs to the inputs of the next run", async () => {
    const session = await load(accumulate);
    const initial = f32([3], [5, 5, 5]);
    const state = await session.createState({ sum: initial });
    const carry = { next: "sum" };
    const first = await session.run({ x }, { state, carry });
    expect(first).toEqual({ difference: f32([3], [4, -5, -95]) });
    const second = await session.run({ x }, { state, carry });
    expect(second).toEqual({ difference: f32([3], [5, 5, 5]) });
    expect(await state.read()).toEqual({ sum: f32([3], [7, 25, 205]) });
    // Reading does not take the state away, and neither does a run that carries nothing.
    expect(await session.run({ x }, { state })).toMatchObject({ next: f32([3], [8, 35, 305]) });
    expect((await state.read(["sum"])).sum?.data[2]).toBe(205);
    expect(initial.data).toEqual(Float32Array.of(5, 5, 5));
  });

  it("carries only where a condition holds, and returns what is asked for", async () => {
    const guarded = buildModel({
      inputs: [
        { name: "x", shape: [] },
        { name: "sum", shape: [] },
      ],
      outputs: [
        { name: "next", shape: [] },
        { name: "isSmall", type: Type.BOOL, shape: [] },
        { name: "difference", shape: [] },
      ],
      nodes: [
        { op: "Add", inputs: ["sum", "x"], outputs: ["next"] },
        { op: "Less", inputs: ["x", "next"], outputs: ["isSmall"] },
        { op: "Sub", inputs: ["sum", "x"], outputs: ["difference"] },
      ],
    });
    const session = await load(guarded);
    const state = await session.createState({ sum: f32([], [1]) });
    const add = (x: number, outputs?: string[]) =>
      session.run({ x: f32([], [x]) }, { state, carry: { next: "sum" }, carryIf: "isSmall", outputs });
    expect(await add(2, [])).toEqual({ isSmall: tensor("bool", [], Uint8Array.of(1)) });
    expect(await add(Number.NaN, ["difference"])).toMatchObject({ isSmall: { data: Uint8Array.of(0) } });
    expect((await state.read()).sum).toEqual(f32([], [3]));
    const wrong = (options: object) => session.run({ x: f32([], [1]) }, { state, carry: { next: "sum" }, ...options });
    await expect(wrong({ outputs: ["next"] })).rejects.toThrow(/no output "next".*isSmall, difference/);
    await expect(wrong({ carryIf: "difference" })).rejects.toThrow(/must be one bool/);
  });

  it("keeps two states of a session apart", async () => {
    const session = await load(accumulate);
    const [a, b] = [
      await session.createState({ sum: zeros("f32", [3]) }),
      await session.createState({ sum: f32([3], [1, 1, 1]) }),
    ];
    await session.run({ x }, { state: a, carry: { next: "sum" } });
    expect((await a.read()).sum?.data[1]).toBe(10);
    expect((await b.read()).sum?.data[1]).toBe(1);
    await a.release();
    await expect(a.read()).rejects.toThrow("the state was released");
  });

  it("refuses what does not fit", async () => {
    const session = await load(accumulate);
    const state = await session.createState({ sum: zeros("f32", [3]) });
    await expect(session.createState({ other: x })).rejects.toThrow(InputError);
    await expect(session.createState({ sum: zeros("f32", [4]) })).rejects.toThrow(ShapeError);
    await expect(session.run({ x, sum: x }, { state })).rejects.toThrow(/held in the state/);
    await expect(session.run({ x }, { state, carry: { none: "sum" } })).rejects.toThrow(/no output "none"/);
    await expect(session.run({ x }, { state, carry: { next: "x" } })).rejects.toThrow(/holds no input "x"/);
    await expect(state.read(["x"])).rejects.toThrow(InputError);
    const other = await load(accumulate);
    await expect(other.run({ x }, { state })).rejects.toThrow("made by another session");
  });

  it("does not grow from step to step", async () => {
    const size = 4 * 2 ** 20;
    const session = await load(doubling([size]));
    const state = await session.createState({ x: zeros("f32", [size]) });
    const step = async (times: number) => {
      for (let i = 0; i < times; i++) expect(await session.run({}, { state, carry: { y: "x" } })).toEqual({});
    };
    await step(12);
    const before = process.memoryUsage().rss;
    await step(40);
    // 40 steps make 640 MB of outputs; a leak of a tenth of them fails.
    expect(process.memoryUsage().rss - before).toBeLessThan(64e6);
  });
});

describe("profile", () => {
  it("adds up the time of each operator", async () => {
    const session = await load(matrixPowers(64, 5), { profile: true });
    await session.run({ x: zeros("f32", [64, 64]) });
    await session.run({ x: zeros("f32", [64, 64]) });
    const [matMul, ...others] = await session.endProfile();
    expect(others).toEqual([]);
    expect(matMul).toMatchObject({ operator: "MatMul", count: 10, share: 1 });
    expect(matMul?.ms).toBeGreaterThan(0);
    await expect(session.endProfile()).rejects.toThrow(InputError);
  });
});

it("does not keep the process alive when nothing runs, and does while something does", async () => {
  const path = join(folder, "exit.onnx");
  writeFileSync(path, doubling([1]));
  const script = `
    import { Session } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, "session.ts")).href)};
    const session = await Session.load(${JSON.stringify(path)}, { device: "cpu" });
    const { y } = await session.run({ x: { dtype: "f32", shape: [1], data: Float32Array.of(21) } });
    console.log(y.data[0]);`;
  const child = execFile(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    timeout: 20_000,
  });
  let output = "";
  child.stdout?.on("data", (text) => {
    output += text;
  });
  const [code] = await once(child, "close");
  expect(output.trim()).toBe("42");
  expect(code).toBe(0);
});
