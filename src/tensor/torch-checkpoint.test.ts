import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { strToU8, unzipSync, type Zippable, zipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CheckpointError } from "../errors.js";
import { openSafetensors, readTensor } from "./safetensors.js";
import { convertTorchCheckpoint, openTorchCheckpoint, readTorchTensor } from "./torch-checkpoint.js";

// Made by reference/tensors.py with torch 2.15.
const fixtures = new URL("../../test/fixtures/tensors/", import.meta.url).pathname;
let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "torch-"));
  path = join(folder, "file.bin");
});
afterAll(() => rm(folder, { recursive: true }));

describe("reads what torch.save writes", () => {
  test("every dtype, views of every kind, shared storages, parameters: equal to torch's own safetensors", async () => {
    const checkpoint = await openTorchCheckpoint(`${fixtures}state-dict.bin`);
    const reference = await openSafetensors(`${fixtures}state-dict.safetensors`);
    expect([...checkpoint.entries.keys()].sort()).toEqual([...reference.entries.keys()].sort());
    for (const name of reference.entries.keys()) {
      expect([name, await readTorchTensor(checkpoint, name)]).toEqual([name, await readTensor(reference, name)]);
    }
    const view = await readTorchTensor(checkpoint, "sliced"); // arange(24) as 4x6, rows 1 and 3, columns 1 and 4
    expect([...view.data]).toEqual([7, 10, 19, 22]);
    await expect(readTorchTensor(checkpoint, "none")).rejects.toThrow(/has no tensor "none"/);
  });

  test("of a training checkpoint, the state_dict", async () => {
    const checkpoint = await openTorchCheckpoint(`${fixtures}nested.pt`);
    expect([...checkpoint.entries.keys()].sort()).toEqual(
      ["0.bias", "0.weight", "1.bias", "1.num_batches_tracked", "1.running_mean", "1.running_var", "1.weight"].sort(),
    );
    expect([...(await readTorchTensor(checkpoint, "0.weight")).data]).toEqual(Array(6).fill(0.25));
  });

  test("otherwise everything, with dotted names", async () => {
    const checkpoint = await openTorchCheckpoint(`${fixtures}plain.pth`);
    expect([...checkpoint.entries.keys()]).toEqual(["model.w", "opt.state.0.m"]);
    expect([...(await readTorchTensor(checkpoint, "opt.state.0.m")).data]).toEqual([3]);
  });

  test("rewrites it as the safetensors file that the reference implementation writes", async () => {
    const converted = join(folder, "converted.safetensors");
    await convertTorchCheckpoint(`${fixtures}state-dict.bin`, converted);
    const reference = await openSafetensors(`${fixtures}state-dict.safetensors`);
    const file = await openSafetensors(converted);
    expect(file.metadata).toEqual({ format: "pt" });
    expect([...file.entries.keys()]).toEqual([...reference.entries.keys()]);
    for (const name of file.entries.keys())
      expect(await readTensor(file, name)).toEqual(await readTensor(reference, name));
  });

  test("a conversion that fails leaves nothing", async () => {
    const before = await readdir(folder);
    await expect(convertTorchCheckpoint(`${fixtures}legacy.pt`, join(folder, "x"))).rejects.toThrow(CheckpointError);
    expect(await readdir(folder)).toEqual(before);
  });
});

/** The pickle's text instructions are ASCII; this writes them as a readable string. */
const pickle = (code: string) => strToU8(`\x80\x02${code}`, true);
const short = (text: string) => `X${String.fromCharCode(text.length)}\0\0\0${text}`;
const global = (name: string) => `c${name.replace(/\.([^.]*)$/, "\n$1")}\n`;
const storage = (key: string, length: string) =>
  `(${short("storage")}${global("torch.FloatStorage")}${short(key)}${short("cpu")}${length}tQ`;
const view = (shape: string, strides: string, length = "K\x04", offset = "K\0") =>
  `${global("torch._utils._rebuild_tensor_v2")}(${storage("0", length)}${offset}${shape}${strides}\x89NtR`;
const goodView = view("K\x04\x85", "K\x01\x85");

async function write(files: Zippable, level: 0 | 6 = 0): Promise<void> {
  await writeFile(path, zipSync(files, { level }));
}
const writePickle = (code: string) => write({ "a/data.pkl": pickle(code), "a/data/0": new Uint8Array(16) });

describe("refuses", () => {
  test("nothing when the pickle is right", async () => {
    await writePickle(`}${short("w")}${goodView}s.`);
    expect((await openTorchCheckpoint(path)).entries.get("w")).toMatchObject({
      dtype: "f32",
      shape: [4],
      strides: [1],
    });
  });

  test.each([
    ["os.system", `${global("os.system")}${short("echo")}\x85R.`],
    ["builtins.eval", `${short("builtins")}${short("eval")}\x93${short("1")}\x85R.`],
    ["posix.system", `}${short("w")}${goodView}s${global("posix.system")}.`],
    ["torch.ShortStorage", `${global("torch.ShortStorage")}.`],
    ["torch._utils._rebuild_tensor_v3", `${global("torch._utils._rebuild_tensor_v3")}.`],
    ["collections.__proto__", `${global("collections.__proto__")}.`],
    ["numpy.core.multiarray.scalar", `${global("numpy.core.multiarray.scalar")}.`],
  ])("%s, by name", async (name, code) => {
    await writePickle(code);
    await expect(openTorchCheckpoint(path)).rejects.toThrow(`refers to \`${name}\`; only tensors are read`);
  });

  test.each([
    ["calling what is no function", `}${short("x")}\x85R.`, /cannot be called/],
    ["calling a storage type", `${global("torch.FloatStorage")})R.`, /cannot be called/],
    ["constructing an object", `${global("collections.OrderedDict")})\x81.`, /instruction 0x81/],
    ["setting attributes of a tensor", `${goodView}}b.`, /set attributes/],
    ["a pickle that stops", `}${short("w")}`, /more bytes than there are/],
    ["an empty stack", "0.", /empty stack/],
    ["values below a mark", "N(s.", /empty stack/],
    ["a mark never set", "e.", /never set/],
    ["memory never stored", "h\x07.", /never stored/],
    ["a text longer than the file", "X\xff\xff\xff\xffa.", /more bytes than there are/],
    ["a text of 2^63 bytes", "\x8d\0\0\0\0\0\0\0\x80a.", /more bytes than there are/],
    ["a huge integer", `\x8a\xff${"1".repeat(255)}.`, /integer of 255 bytes/],
    ["too many instructions", `${"N0".repeat(600_000)}.`, /more than 1000000 instructions/],
    [
      "short calls that copy long lists",
      `(${"N".repeat(2000)}lq\0${`${global("builtins.set")}h\0\x85R0`.repeat(2000)}.`,
      /more than/,
    ],
    ["a view beyond its storage", `}${short("w")}${view("K\x05\x85", "K\x01\x85")}s.`, /reaches beyond/],
    ["a view whose strides reach beyond", `}${short("w")}${view("K\x02\x85", "K\x04\x85")}s.`, /reaches beyond/],
    ["an offset beyond", `}${short("w")}${view("K\x04\x85", "K\x01\x85", "K\x04", "K\x01")}s.`, /reaches beyond/],
    ["a negative size", `}${short("w")}${view("J\xff\xff\xff\xff\x85", "K\x01\x85")}s.`, /not described/],
    ["a negative stride", `}${short("w")}${view("K\x02\x85", "J\xff\xff\xff\xff\x85")}s.`, /not described/],
    ["strides of another rank", `}${short("w")}${view("K\x04\x85", ")")}s.`, /dimensions/],
    ["a storage longer than its entry", `}${short("w")}${view("K\x04\x85", "K\x01\x85", "K\x05")}s.`, /too short/],
    ["an expansion to terabytes", `}${short("w")}${view("J\0\0\0\x7f\x85", "K\0\x85")}s.`, /would take/],
    ["a dict that contains itself", `}q\0${short("w")}h\0s.`, /nests deeper/],
    [
      "one name for two tensors",
      `}${short("a.b")}${goodView}s${short("a")}}${short("b")}${goodView}ss.`,
      /two tensors named/,
    ],
    ["no tensors", "}.", /no tensors/],
    ["a lone tensor", `${goodView}.`, /without a name/],
  ])("%s", async (_, code, message) => {
    await writePickle(code);
    const error = await openTorchCheckpoint(path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toMatch(message);
  });

  test("dicts that share each other until they count billions", async () => {
    const doubled = Array.from(
      { length: 25 },
      (_, i) =>
        `}(${short("a")}h${String.fromCharCode(i)}${short("b")}h${String.fromCharCode(i)}uq${String.fromCharCode(i + 1)}`,
    );
    await writePickle(`}q\0${doubled.join("")}.`);
    await expect(openTorchCheckpoint(path)).rejects.toThrow(/more than 200000 values/);
  });

  test("other formats, each by name", async () => {
    await expect(openTorchCheckpoint(`${fixtures}legacy.pt`)).rejects.toThrow(/before version 1.6/);
    const tar = Buffer.alloc(1024);
    tar.write("ustar", 257);
    await writeFile(path, tar);
    await expect(openTorchCheckpoint(path)).rejects.toThrow(/before version 1.6/);
    await writeFile(path, "version https://git-lfs.github.com/spec/v1\n");
    await expect(openTorchCheckpoint(path)).rejects.toThrow(/git lfs pull/);
    await expect(openTorchCheckpoint(`${fixtures}state-dict.safetensors`)).rejects.toThrow(/not a torch checkpoint/);
    await writeFile(path, "");
    await expect(openTorchCheckpoint(path)).rejects.toThrow(/not a torch checkpoint/);
    await write({ "photo.jpg": new Uint8Array(9) });
    await expect(openTorchCheckpoint(path)).rejects.toThrow(/no data.pkl/);
    await write({ "a/data.pkl": pickle("}."), "a/constants.pkl": pickle(").") });
    await expect(openTorchCheckpoint(path)).rejects.toThrow(/TorchScript/);
    await write({ "a/data.pkl": pickle("}."), "a/byteorder": strToU8("big") });
    await expect(openTorchCheckpoint(path)).rejects.toThrow(/"big"-endian/);
  });

  test("compressed entries, so that nothing can unpack to more than its size", async () => {
    await write({ "a/data.pkl": pickle("}."), "a/data/0": new Uint8Array(100_000) }, 6);
    await expect(openTorchCheckpoint(path)).rejects.toThrow(/is compressed/);
  });

  test("a pickle too large to be one", async () => {
    await write({ "a/data.pkl": new Uint8Array(16 * 2 ** 20 + 1) });
    await expect(openTorchCheckpoint(path)).rejects.toThrow(/at most 16777216 are read/);
  });

  test("a file cut at any length", async () => {
    const whole = await readFile(`${fixtures}plain.pth`);
    for (let length = 0; length < whole.length; length += 13) {
      await writeFile(path, whole.subarray(0, length));
      await expect(openTorchCheckpoint(path)).rejects.toThrow(CheckpointError);
    }
  });

  test("a file cut after it was opened", async () => {
    await writeFile(path, await readFile(`${fixtures}plain.pth`));
    const checkpoint = await openTorchCheckpoint(path);
    await truncate(path, 700);
    await expect(readTorchTensor(checkpoint, "opt.state.0.m")).rejects.toThrow(/ends before byte 964/);
  });
});

test("archives with zip64 fields, as torch writes them from 4 GB on", async () => {
  const files = unzipSync(await readFile(`${fixtures}plain.pth`));
  const zip = Buffer.from(zipSync(files, { level: 0 }));
  await writeFile(path, toZip64(zip));
  const checkpoint = await openTorchCheckpoint(path);
  expect([...(await readTorchTensor(checkpoint, "model.w")).data]).toEqual([1, 2]);
});

/** Moves sizes and offsets of an archive into zip64 records. */
function toZip64(zip: Buffer): Buffer {
  const end = zip.length - 22;
  const start = zip.readUInt32LE(end + 16);
  const directory: Buffer[] = [];
  for (let at = start; at < end; ) {
    const nameLength = zip.readUInt16LE(at + 28);
    const fixed = Buffer.from(zip.subarray(at, at + 46));
    const extra = Buffer.alloc(28);
    extra.writeUInt16LE(1, 0);
    extra.writeUInt16LE(24, 2);
    for (const [i, field] of [24, 20, 42].entries()) {
      extra.writeBigUInt64LE(BigInt(fixed.readUInt32LE(field)), 4 + 8 * i);
      fixed.writeUInt32LE(0xffffffff, field);
    }
    fixed.writeUInt16LE(28, 30);
    directory.push(fixed, zip.subarray(at + 46, at + 46 + nameLength), extra);
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  const list = Buffer.concat(directory);
  const end64 = Buffer.alloc(56 + 20);
  end64.writeUInt32LE(0x06064b50, 0);
  end64.writeBigUInt64LE(BigInt(list.length), 40);
  end64.writeBigUInt64LE(BigInt(start), 48);
  end64.writeUInt32LE(0x07064b50, 56);
  end64.writeBigUInt64LE(BigInt(start + list.length), 64);
  const tail = Buffer.from(zip.subarray(end));
  tail.fill(0xff, 8, 20);
  return Buffer.concat([zip.subarray(0, start), list, end64, tail]);
}
