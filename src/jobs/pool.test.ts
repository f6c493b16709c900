import { expect, it } from "vitest";
import { Pool } from "./pool.js";

/** Notes what is opened and released. */
function pool(keep: number, open: (name: string) => Promise<void> = async () => undefined) {
  const log: string[] = [];
  const made = new Pool(async (name) => {
    log.push(`open ${name}`);
    await open(name);
    return { name, release: async () => void log.push(`release ${name}`) };
  }, keep);
  return { pool: made, log };
}

it("loads once for all users, and keeps those used last", async () => {
  const { pool: models, log } = pool(2);
  const names = await Promise.all(["a", "a"].map((name) => models.use(name, async (model) => model.name)));
  expect([names, log]).toEqual([["a", "a"], ["open a"]]);
  await models.load("b");
  await models.load("a");
  await models.load("c");
  expect(log.slice(1)).toEqual(["open b", "open c", "release b"]);
  expect(models.list()).toEqual(["a", "c"].map((name) => ({ name, users: 0 })));
  await models.close();
  expect(models.list()).toEqual([]);
});

it("does not release what is in use", async () => {
  const { pool: models, log } = pool(0);
  await models.use("a", async () => {
    await models.load("b");
    expect(await models.unload("a")).toBe(false);
    expect(models.list()).toEqual([{ name: "a", users: 1 }]);
  });
  expect(log).toEqual(["open a", "open b", "release b", "release a"]);
});

it("tries again to load what failed", async () => {
  let isDown = true;
  const { pool: models } = pool(1, async () => {
    if (isDown) throw new Error("down");
  });
  const both = await Promise.allSettled([models.load("a"), models.load("a")]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(models.list()).toEqual([]);
  isDown = false;
  await models.load("a");
  expect(await models.unload("a")).toBe(true);
  expect(await models.unload("a")).toBe(false);
});
