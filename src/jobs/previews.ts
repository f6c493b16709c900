import { encodePng } from "../image/encode.js";
import { resizeImage } from "../image/resize.js";
import type { GenerationProgress } from "../pipeline/arc2face.js";
import type { JobPreview } from "./job.js";

/** Longer side of a preview. */
const previewSidePx = 128;
/** Previews may take this share of the time: their decoder is the model's own, which may be slow. */
const shareOfTime = 0.2;

/** Decodes what images will become, now and then, while they are made. */
export class Previews {
  private nextAtMs = 0;
  private inWork: Promise<void> | undefined;

  /** @param everyMs least time between previews; 0: none */
  constructor(
    private readonly everyMs: number,
    private readonly show: (preview: JobPreview) => void,
  ) {}

  /** Takes a step's prediction, unless it is too soon, or the last: the images themselves are next. */
  offer(progress: GenerationProgress): void {
    const { step, steps } = progress;
    if (this.everyMs === 0 || this.inWork || step === steps || performance.now() < this.nextAtMs) return;
    this.inWork = this.make(progress)
      // A preview that fails is one preview less; what stopped it stops the job as well.
      .catch(() => undefined)
      .finally(() => {
        this.inWork = undefined;
      });
  }

  /** Waits until nothing is being decoded. */
  async settle(): Promise<void> {
    await this.inWork;
  }

  private async make({ step, steps, images, preview }: GenerationProgress): Promise<void> {
    const startMs = performance.now();
    const decoded = await preview();
    for (const [i, { identity, seed }] of images.entries()) {
      const { widthPx, heightPx } = decoded[i]!;
      const scale = Math.min(1, previewSidePx / Math.max(widthPx, heightPx));
      const [width, height] = [widthPx, heightPx].map((side) => Math.max(1, Math.round(side * scale)));
      const small = scale === 1 ? decoded[i]! : await resizeImage(decoded[i]!, width!, height!);
      this.show({ identity, seed, step, steps, png: await encodePng(small, { isSynthetic: true }) });
    }
    const tookMs = performance.now() - startMs;
    this.nextAtMs = performance.now() + Math.max(this.everyMs, tookMs * (1 / shareOfTime - 1));
  }
}
