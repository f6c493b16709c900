import { ChevronLeft, ChevronRight, Download, Lock } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import type { Generation, Image } from "../../../src/server/api/types.js";
import { client, downloadUrl } from "../api/client.js";
import { Button, ButtonLink } from "../components/button.js";
import { Comparison } from "../components/comparison.js";
import { ImageFacts } from "../components/image-facts.js";
import { ErrorNotice } from "../components/notice.js";
import { Page } from "../components/page.js";
import { useResource } from "../hooks/use-resource.js";
import { useStudio } from "../hooks/use-studio.js";
import { nameOfSubject } from "../state/format.js";
import { go, hrefOf } from "../state/route.js";
import styles from "./image.module.css";
import { MissingView } from "./missing.js";

/** One image beside the face that it was made of, and how it was made. */
export function ImageView({ id, seed }: { id: string; seed: number }) {
  const { nameOf } = useStudio();
  const { value: generation, error } = useResource(
    useCallback((signal: AbortSignal) => client.generation(id, signal), [id]),
  );
  if (error !== undefined) return <ErrorNotice error={error} />;
  if (!generation) return <p role="status">Looking…</p>;
  const image = generation.images.find((candidate) => candidate.seed === seed);
  if (!image) return <MissingView />;
  const name = nameOfSubject(generation.request.identity, nameOf);
  return (
    <Page
      title={name}
      lead={
        <>
          One image beside the face that it was made of. <a href={hrefOf({ view: "generation", id })}>Back to all</a>
        </>
      }
      actions={<ImageActions generation={generation} image={image} />}
    >
      <Details generation={generation} image={image} name={name} />
    </Page>
  );
}

function ImageActions({ generation, image }: { generation: Generation; image: Image }) {
  const { change } = useStudio();
  const place = generation.images.indexOf(image);
  const neighbour = (distance: number) => generation.images[place + distance];
  const [before, after] = [neighbour(-1), neighbour(1)];
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.altKey || event.ctrlKey || event.metaKey || event.target instanceof HTMLInputElement) return;
      const next = event.key === "ArrowLeft" ? before : event.key === "ArrowRight" ? after : undefined;
      if (next) go({ view: "image", id: generation.id, seed: next.seed });
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [before, after, generation.id]);
  const [isLocked, setLocked] = useState(false);
  return (
    <>
      {before && (
        <ButtonLink icon={ChevronLeft} iconOnly href={hrefOf({ view: "image", id: generation.id, seed: before.seed })}>
          Image before (left arrow)
        </ButtonLink>
      )}
      {after && (
        <ButtonLink icon={ChevronRight} iconOnly href={hrefOf({ view: "image", id: generation.id, seed: after.seed })}>
          Next image (right arrow)
        </ButtonLink>
      )}
      <Button
        icon={Lock}
        disabled={isLocked}
        onClick={() => {
          change({ seed: image.seed });
          setLocked(true);
        }}
      >
        {isLocked ? "Seed is locked" : "Lock this seed"}
      </Button>
      <ButtonLink kind="primary" icon={Download} href={downloadUrl(image)} download>
        PNG
      </ButtonLink>
    </>
  );
}

function Details({ generation, image, name }: { generation: Generation; image: Image; name: string }) {
  const metadata = useResource(
    useCallback((signal: AbortSignal) => client.imageMetadata(image.id, signal), [image.id]),
  );
  return (
    <div className={styles.columns}>
      <Comparison generation={generation} image={image} name={name} />
      <aside className={styles.facts} aria-label="About this image">
        <ErrorNotice error={metadata.error} />
        {metadata.value && <ImageFacts metadata={metadata.value} />}
      </aside>
    </div>
  );
}
