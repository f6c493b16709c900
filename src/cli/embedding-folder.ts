import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { RecogniserId } from "../face/recogniser.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import type { EmbeddingJson } from "./face-json.js";
import type { Photo } from "./photo-list.js";

const schema = z.looseObject({
  file: z.string(),
  recogniser: z.object({ name: z.string(), sha256: z.string() }),
  embedding: z.array(z.number()).min(1),
});

/** Embeddings on disk, `STEM.json` for each photo. What is there already need not be made again. */
export class EmbeddingFolder {
  constructor(private readonly folder: string) {}

  /** What an earlier run made of this photo, as it is now, with this recogniser; or undefined. */
  async read(photo: Photo, recogniser: RecogniserId): Promise<EmbeddingJson | undefined> {
    const path = this.pathOf(photo);
    const json = await readFile(path, "utf8").catch(() => undefined);
    if (json === undefined) return undefined;
    const found = schema.safeParse(parse(json));
    const isSame = found.data?.file === photo.path && found.data.recogniser.sha256 === recogniser.sha256;
    return isSame && !(await isNewer(photo.path, path)) ? (found.data as unknown as EmbeddingJson) : undefined;
  }

  async write(photo: Photo, embedding: EmbeddingJson): Promise<void> {
    await writeFileAtomic(this.pathOf(photo), `${JSON.stringify(embedding)}\n`);
  }

  /** Where the embedding of a photo goes. */
  pathOf({ stem }: Photo): string {
    return join(this.folder, `${stem}.json`);
  }
}

/** Whether a photo was changed after a file was made of it. One that is gone is reported by whoever opens it. */
async function isNewer(photo: string, made: string): Promise<boolean> {
  const [changedMs, madeMs] = await Promise.all([photo, made].map(changeTimeMs));
  return changedMs! > madeMs!;
}

async function changeTimeMs(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => Number.POSITIVE_INFINITY,
  );
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
