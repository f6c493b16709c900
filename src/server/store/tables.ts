import type { Database } from "../database.js";
import { GenerationTable } from "./generations.js";
import { IdentityTable } from "./identities.js";
import { ImageTable } from "./images.js";
import { PhotoTable } from "./photos.js";

/** All tables of the server. */
export interface Tables {
  readonly identities: IdentityTable;
  readonly photos: PhotoTable;
  readonly generations: GenerationTable;
  readonly images: ImageTable;
}

export function openTables(db: Database): Tables {
  return {
    identities: new IdentityTable(db),
    photos: new PhotoTable(db),
    generations: new GenerationTable(db),
    images: new ImageTable(db),
  };
}
