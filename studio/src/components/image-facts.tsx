import type { ImageMetadata } from "../../../src/server/api/types.js";
import { Facts } from "./facts.js";
import styles from "./image-facts.module.css";
import { SimilarityScale } from "./similarity-scale.js";
import { VerdictBadge } from "./verdict-badge.js";

/** How alike an image is, how it was made, and what its file says. */
export function ImageFacts({ metadata }: { metadata: ImageMetadata }) {
  const { seed, widthPx, heightPx, bytes, sha256, record } = metadata;
  return (
    <>
      <div className={styles.verdict}>
        <h2>
          <VerdictBadge image={metadata} />
        </h2>
        <SimilarityScale image={metadata} />
      </div>
      <Facts
        facts={[
          ["Seed", seed],
          ["Size", `${widthPx} × ${heightPx} pixels`],
          ["File", `${(bytes / 1024).toFixed(0)} KB, PNG`],
          ["SHA-256", <code key="hash">{sha256.slice(0, 16)}…</code>],
        ]}
      />
      <details className={styles.record}>
        <summary>What the file says</summary>
        <p>The PNG carries this: how the image was made, enough to make it again. The face is not in it.</p>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which the keyboard must be able to do */}
        <pre tabIndex={0}>{JSON.stringify(record, null, 2)}</pre>
      </details>
    </>
  );
}
