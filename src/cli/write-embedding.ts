import { writeFileAtomic } from "../tensor/atomic-file.js";
import { cannotWrite } from "./cannot-write.js";

/**
 * Writes an embedding, or several, as `generate` reads them.
 * @throws InputError if the folder cannot be written to
 */
export async function writeEmbedding(path: string, embedding: unknown): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(embedding)}\n`).catch((cause) => {
    throw cannotWrite(path, cause);
  });
}
