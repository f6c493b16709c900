import { useState } from "react";
import type { Generation, Image } from "../../../src/server/api/types.js";
import { useStudio } from "../hooks/use-studio.js";
import { hrefOf } from "../state/route.js";
import styles from "./comparison.module.css";
import { Segments } from "./field.js";
import { Portrait } from "./portrait.js";

const looks = [
  { value: "smooth", label: "Smooth" },
  { value: "pixels", label: "Pixels" },
] as const;

/** The face that went in, the image that came out, and the others of its run to step through. */
export function Comparison({ generation, image, name }: { generation: Generation; image: Image; name: string }) {
  const { identityOf } = useStudio();
  const [look, setLook] = useState<"smooth" | "pixels">("smooth");
  const { identity } = generation.request;
  const inputs = typeof identity === "string" ? [identity] : [identity.from, identity.to];
  return (
    <div className={`${styles.comparison} ${look === "pixels" ? styles.pixels : ""}`}>
      <div className={styles.pair}>
        <figure>
          <div className={inputs.length > 1 ? styles.two : undefined}>
            {inputs.map((id) => (
              <Portrait key={id} identity={identityOf(id)} size="fill" />
            ))}
          </div>
          <figcaption>{inputLabel(inputs.map((id) => identityOf(id)?.kind))}</figcaption>
        </figure>
        <figure>
          <img
            key={image.id}
            className={styles.output}
            src={image.url}
            width={image.widthPx}
            height={image.heightPx}
            alt={`${name}, synthetic, seed ${image.seed}`}
          />
          <figcaption>Synthetic, seed {image.seed}</figcaption>
        </figure>
      </div>
      <div className={styles.bar}>
        <nav className={styles.film} aria-label="Images of this run">
          {generation.images.map(({ id, seed, url }) => (
            <a
              key={id}
              href={hrefOf({ view: "image", id: generation.id, seed })}
              aria-current={id === image.id ? "true" : undefined}
            >
              <img src={url} width={64} height={64} alt={`Seed ${seed}`} />
            </a>
          ))}
        </nav>
        <Segments legend="How to enlarge" value={look} options={looks} onChange={setLook} />
      </div>
    </div>
  );
}

function inputLabel(kinds: readonly (string | undefined)[]): string {
  if (kinds.length > 1) return "Between these two";
  return kinds[0] === "photos" ? "The photo" : "The face; there is no photo of it";
}
