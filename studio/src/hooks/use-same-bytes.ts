import { useEffect, useState } from "react";
import type { Generation } from "../../../src/server/api/types.js";
import { client } from "../api/client.js";
import { messageOf } from "../api/problem.js";

export type Sameness = "checking" | "same" | "different" | { readonly error: string };

/** Whether a generation that repeats another gave the same files, by their SHA-256. */
export function useSameBytes(generation: Generation | undefined, again: string | undefined): Sameness | undefined {
  const [sameness, setSameness] = useState<Sameness>();
  const isDone = generation?.status === "done";
  // biome-ignore lint/correctness/useExhaustiveDependencies: a generation that is done does not change
  useEffect(() => {
    if (!isDone || again === undefined) return;
    const controller = new AbortController();
    const { signal } = controller;
    const hashes = async ({ images }: Generation) => {
      const metadata = await Promise.all(images.map(({ id }) => client.imageMetadata(id, signal)));
      return metadata.map(({ seed, sha256 }) => `${seed}:${sha256}`).join();
    };
    setSameness("checking");
    client
      .generation(again, signal)
      .then(async (first) => setSameness((await hashes(first)) === (await hashes(generation)) ? "same" : "different"))
      .catch((error) => signal.aborted || setSameness({ error: messageOf(error) }));
    return () => controller.abort();
  }, [isDone, generation?.id, again]);
  return sameness;
}
