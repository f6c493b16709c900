import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { S3Server } from "../../test/support/s3-server.js";
import { InputError } from "../errors.js";
import { FolderStore } from "./folder-store.js";
import { openStore } from "./open-store.js";
import { S3Store } from "./s3-store.js";
import { type ResultStore, readStored } from "./store.js";

let folder: string;
let s3: S3Server;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "stores-"));
  s3 = await S3Server.start();
});
afterAll(async () => {
  await s3.stop();
  await rm(folder, { recursive: true });
});

const credentials = { accessKeyId: "id", secretAccessKey: "secret" };
const client = () => ({ endpoint: s3.url, region: "here", credentials, forcePathStyle: true, maxAttempts: 1 });
const bytes = (...values: number[]) => new Uint8Array(values);
const keysOf = async (store: ResultStore, prefix: string) => {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
};

describe.each([
  { name: "a folder", open: () => new FolderStore(join(folder, "store")) },
  { name: "a bucket", open: () => new S3Store({ bucket: "bucket", prefix: "team/", client: client() }) },
])("$name", ({ open }) => {
  let store: ResultStore;
  beforeEach(async () => {
    store = open();
    await store.check();
    for (const key of ["jobs/a/0-1.png", "jobs/a/0-10.png", "jobs/a/0-2.png", "jobs/a/parts/0.json", "jobs/ab/0-1.png"])
      await store.write(key, bytes(1, 2, 3, 4, 5), "image/png");
  });

  it("keeps files, and gives parts of them", async () => {
    expect(await store.stat("jobs/a/0-1.png")).toMatchObject({ key: "jobs/a/0-1.png", byteLength: 5 });
    expect([...(await readStored(store, "jobs/a/0-1.png"))]).toEqual([1, 2, 3, 4, 5]);
    const part: number[] = [];
    for await (const chunk of await store.read("jobs/a/0-1.png", { start: 1, end: 3 })) part.push(...(chunk as Buffer));
    expect(part).toEqual([2, 3, 4]);
    await store.write("jobs/a/0-1.png", bytes(9), "image/png");
    expect([...(await readStored(store, "jobs/a/0-1.png"))]).toEqual([9]);
  });

  it("says what is not there", async () => {
    expect(await store.stat("jobs/a/none.png")).toBeUndefined();
    await expect(store.read("jobs/a/none.png")).rejects.toThrow(/no stored file jobs\/a\/none.png/);
    await expect(store.read("jobs/a/none.png", { start: 0, end: 0 })).rejects.toThrow(InputError);
    await expect(store.read("jobs/a/0-1.png", { start: 3, end: 5 })).rejects.toThrow(/not inside the 5 bytes/);
    await store.delete("jobs/a/none.png");
    await store.deletePrefix("jobs/none/");
    expect(await keysOf(store, "jobs/none/")).toEqual([]);
  });

  it("lists and removes what lies under a prefix, and nothing else", async () => {
    expect(await keysOf(store, "jobs/a/")).toEqual([
      ...["jobs/a/0-1.png", "jobs/a/0-10.png", "jobs/a/0-2.png", "jobs/a/parts/0.json"],
    ]);
    await store.delete("jobs/a/0-10.png");
    expect(await keysOf(store, "jobs/a/")).toHaveLength(3);
    await store.deletePrefix("jobs/a/");
    expect(await keysOf(store, "jobs/")).toEqual(["jobs/ab/0-1.png"]);
  });

  it.each([
    ...["../x", "/etc/passwd", "a/../../x", "a//b", "a/.hidden", "", "a\\b", "a/b\0", "a%2fb", "C:x", "a/b.tmp", "é"],
  ])("refuses %j as a key", async (key) => {
    await expect(store.write(key, bytes(1), "image/png")).rejects.toThrow(InputError);
    await expect(store.stat(key)).rejects.toThrow(InputError);
    await expect(store.read(key)).rejects.toThrow(InputError);
    await expect(store.delete(key)).rejects.toThrow(InputError);
    await expect(store.deletePrefix(`${key}/`)).rejects.toThrow(InputError);
    await expect(store.deletePrefix("jobs")).rejects.toThrow(/must end in/);
    await expect(keysOf(store, "")).rejects.toThrow(InputError);
  });
});

describe("a folder", () => {
  it("hides files that are being written, and follows no link out", async () => {
    const store: ResultStore = new FolderStore(join(folder, "partial"));
    await store.write("jobs/a/0.png", bytes(1), "image/png");
    await writeFile(join(folder, "partial/jobs/a/1.png.123-abcd.tmp"), "half");
    await mkdir(join(folder, "outside"));
    await writeFile(join(folder, "outside/secret.png"), "secret");
    await symlink(join(folder, "outside"), join(folder, "partial/jobs/a/link"));
    expect(await keysOf(store, "jobs/")).toEqual(["jobs/a/0.png"]);
    await store.deletePrefix("jobs/a/");
    expect(await readdir(join(folder, "outside"))).toEqual(["secret.png"]);
  });

  it("says why it cannot be written to", async () => {
    await writeFile(join(folder, "file"), "");
    await expect(openStore(join(folder, "file"))).rejects.toThrow(/cannot write to .*file .*another folder/);
  });
});

describe("a bucket", () => {
  it("says why it cannot be written to", async () => {
    const store = new S3Store({ bucket: "other", prefix: "", client: client() });
    await expect(store.check()).rejects.toThrow(/cannot write to s3:\/\/other\/ \(NoSuchBucket\); check the bucket/);
    await expect(openStore("s3://UPPER/x")).rejects.toThrow(/is no bucket; give s3:\/\/BUCKET/);
  });

  it("puts the prefix before every key", async () => {
    s3.requests.length = 0;
    const store = new S3Store({ bucket: "bucket", prefix: "team/", client: client() });
    await store.write("x.png", bytes(1), "image/png");
    expect(s3.requests).toEqual(["PUT /bucket/team/x.png"]);
    expect(s3.objects.get("team/x.png")?.type).toBe("image/png");
  });

  it("is not changed by a write that fails", async () => {
    const store = new S3Store({
      bucket: "bucket",
      prefix: "",
      client: { ...client(), endpoint: "http://127.0.0.1:1" },
    });
    await expect(store.write("x.png", bytes(1), "image/png")).rejects.toThrow();
    await expect(store.stat("x.png")).rejects.toThrow();
  });
});
