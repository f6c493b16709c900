import { basename, join } from "node:path";
import type { GenerationProgress } from "../pipeline/arc2face.js";
import type { LikenessImage } from "../pipeline/photo-pipeline.js";
import type { GenerateRequest } from "../pipeline/request.js";
import { type CommandRecord, joinImageRecord } from "./command-record.js";
import type { Face } from "./faces.js";
import type { ImageSheet } from "./image-sheet.js";
import { writePngFile } from "./png-file.js";

export interface WrittenImage {
  readonly file: string;
  readonly seed: number;
  /** Cosine to the face that it was made of; null if no face was found, or it was not measured. */
  readonly similarity: number | null;
  /** Null if it was not looked for. */
  readonly faceFound: boolean | null;
}

export interface ImageFolderOptions {
  /** The folder; it is made when the first image is there. */
  readonly out: string;
  readonly faces: readonly Face[];
  /** What was asked for; goes into previews, which have no generation record. */
  readonly request: Omit<GenerateRequest, "faceEmbedding"> & { readonly count: number };
  readonly command: Omit<CommandRecord, "input" | "identity">;
  readonly sheet: ImageSheet | undefined;
  /** Steps between previews; absent: none. */
  readonly previewEvery?: number | undefined;
}

/** Puts generated images into a folder as `NAME-SEED.png`, and on request a sheet of all and previews of each. */
export class ImageFolder {
  readonly written: WrittenImage[] = [];
  private readonly previews: Promise<void>[] = [];

  constructor(private readonly options: ImageFolderOptions) {}

  /** Takes the next image; they come person by person, in the order of the seeds. */
  async add(image: LikenessImage): Promise<void> {
    const { identity, seed, record, similarity, faceFound } = image;
    const generation = joinImageRecord({ generation: record, command: this.commandFor(identity) });
    const file = await writePngFile(this.stemOf(identity, seed), image, generation);
    this.written.push({ file, seed, similarity, faceFound });
    // The similarity first: of a long name, the end is cut off.
    const measured = faceFound === null ? "" : `${similarity?.toFixed(2) ?? "no face"} `;
    await this.options.sheet?.add(image, `${measured}${basename(file, ".png")}`);
  }

  /** Decodes and writes previews of the images being made, every so many steps, but not after the last. */
  takePreview(progress: GenerationProgress): void {
    const { previewEvery, request } = this.options;
    const { step, steps } = progress;
    if (previewEvery === undefined || step % previewEvery !== 0 || step === steps) return;
    const write = async () => {
      const images = await progress.preview();
      for (const [i, { identity, seed }] of progress.images.entries()) {
        const generation = { preview: step, seed, request, command: this.commandFor(identity) };
        await writePngFile(`${this.stemOf(identity, seed)}-step${step}`, images[i]!, generation);
      }
    };
    const preview = write();
    // A failure is reported by `close`; until then it is not unhandled.
    preview.catch(() => undefined);
    this.previews.push(preview);
  }

  /** Waits until nothing is being written, whatever became of it. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.previews);
  }

  /** Waits for previews, and writes the sheet, if one is wanted. @returns its path */
  async close(): Promise<string | undefined> {
    await Promise.all(this.previews);
    const { out, sheet } = this.options;
    if (!sheet) return undefined;
    const names = this.written.map(({ file }) => basename(file));
    return writePngFile(join(out, "sheet"), await sheet.make(), { sheet: names });
  }

  private commandFor(identity: number): CommandRecord {
    const { input, index } = this.options.faces[identity]!;
    return { ...this.options.command, input, identity: index };
  }

  private stemOf(identity: number, seed: number): string {
    return join(this.options.out, `${this.options.faces[identity]!.name}-${seed}`);
  }
}
