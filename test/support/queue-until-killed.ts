/** A process of its own with an embedded queue; the test kills it. Arguments: the folder of its data, and the job. */
import { join } from "node:path";
import { EmbeddedQueue } from "../../src/jobs/embedded-queue.js";
import { FolderStore } from "../../src/jobs/folder-store.js";
import { createRunner } from "../../src/jobs/runner.js";
import { tinyWorkshop } from "./jobs.js";

const [folder = "", submissions = "[]"] = process.argv.slice(2);
const store = new FolderStore(join(folder, "store"));
const run = createRunner(tinyWorkshop(store));
const queue = new EmbeddedQueue({ database: join(folder, "jobs.db"), store, run });
for (const submission of JSON.parse(submissions)) await queue.submit(submission);
