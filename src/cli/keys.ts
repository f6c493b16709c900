import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { openDatabase } from "../server/database.js";
import { KeyStore } from "../server/keys.js";
import { command, commandGroup, flag } from "./command.js";
import { printJson } from "./context.js";
import { dataOption } from "./data-folder.js";
import { formatTable } from "./table.js";

const create = command({
  name: "create",
  summary: "make an API key; it is printed once and cannot be had again",
  args: [["<name>", "whom or what it is for"]],
  options: { dataFolder: dataOption, json: flag("--json", "print {id, name, createdAt, secret}") },
  async run([name], { dataFolder, json }, context) {
    const key = await withKeys(dataFolder, (keys) => keys.create(name!));
    if (json) printJson(context, key);
    else context.stdout(`${key.secret}\n`);
  },
});

const list = command({
  name: "list",
  summary: "list API keys, also those that were revoked",
  options: { dataFolder: dataOption, json: flag("--json", "print [{id, name, createdAt, revokedAt}]") },
  async run(_, { dataFolder, json }, context) {
    const keys = await withKeys(dataFolder, (store) => store.list());
    if (json) printJson(context, keys);
    else {
      const rows = keys.map(({ id, name, createdAt, revokedAt }) => [id, name, createdAt, revokedAt ?? ""]);
      context.stdout(formatTable(["ID", "NAME", "CREATED", "REVOKED"], rows));
    }
  },
});

const revoke = command({
  name: "revoke",
  summary: "end an API key, and the sessions that began with it, at once",
  args: [["<id>", "as list shows it"]],
  options: { dataFolder: dataOption },
  async run([id], { dataFolder }) {
    await withKeys(dataFolder, (keys) => keys.revoke(id!));
  },
});

export const keys = commandGroup("keys", "create, list and revoke the API keys of serve", [create, list, revoke]);

/** A server that runs meanwhile sees the change at once. */
async function withKeys<Result>(dataFolder: string, work: (keys: KeyStore) => Result): Promise<Result> {
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  const db = openDatabase(join(dataFolder, "server.db"));
  try {
    return work(new KeyStore(db));
  } finally {
    db.close();
  }
}
