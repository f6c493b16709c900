import { assertSameRecogniser, meanIdentity } from "../../face/identity.js";
import { type ResultStore, readStored } from "../../jobs/store.js";
import { unitEmbedding } from "../../pipeline/request.js";
import type { PageQuery } from "../api/common.js";
import type { Photo } from "../api/faces.js";
import type { Identity, NewIdentity, SampleRequest } from "../api/identities.js";
import type { Database } from "../database.js";
import type { FaceAnalyser } from "../faces/analyser.js";
import { newId } from "../ids.js";
import type { Limits } from "../options.js";
import { notFound, tooMany, unusableEmbedding } from "../problem.js";
import type { StoredFace } from "../store/photos.js";
import { isoTime, type Page } from "../store/rows.js";
import type { Tables } from "../store/tables.js";
import type { Generations } from "./generations.js";
import type { IdentitySampler } from "./sampler.js";
import { need } from "./subject.js";

export interface IdentitiesOptions {
  readonly db: Database;
  readonly tables: Tables;
  readonly store: ResultStore;
  readonly faces: FaceAnalyser;
  readonly generations: Generations;
  readonly sampler: IdentitySampler;
  readonly limits: Limits;
}

/** Cosine from which two photos are one person's, for recognisers that nobody measured. */
const usualThreshold = 0.3;

const photoPrefix = (id: string) => `photos/${id}/`;
const portraitOfFace = (photo: string, face: number) => `${photoPrefix(photo)}${face}.jpg`;
const identityPrefix = (id: string) => `identities/${id}/`;
const portraitKey = (id: string) => `${identityPrefix(id)}portrait.jpg`;

/** Photos that people send, and the identities that are made of them. */
export class Identities {
  constructor(private readonly options: IdentitiesOptions) {}

  /** Finds the faces in a photo. Of the photo itself nothing is kept but a portrait of each face. */
  async findFaces(photo: Uint8Array): Promise<Photo> {
    const { faces: analyser, tables, store, limits } = this.options;
    await this.deleteExpiredPhotos();
    if (tables.photos.count() >= limits.waitingPhotos) throw tooMany("many photos wait to become identities", 60);
    const analysed = await analyser.analyse(photo);
    const { recogniser } = await analyser.describe();
    const { id, expiresAtMs } = tables.photos.insert(analysed, recogniser);
    for (const [face, { portrait }] of analysed.faces.entries()) {
      await store.write(portraitOfFace(id, face), portrait, "image/jpeg");
    }
    return {
      id,
      widthPx: analysed.widthPx,
      heightPx: analysed.heightPx,
      expiresAt: isoTime(expiresAtMs),
      faces: analysed.faces.map(({ box, landmarks, score, quality, thumbnail }, index) => ({
        index,
        box,
        landmarks,
        score,
        quality,
        thumbnail: `data:image/jpeg;base64,${Buffer.from(thumbnail).toString("base64")}`,
      })),
    };
  }

  async create(asked: NewIdentity): Promise<Identity> {
    if ("photos" in asked) return this.createFromPhotos(asked.name, asked.photos);
    const embedding = directionOf(asked.embedding);
    const recogniser = asked.recogniser ? { name: "given", sha256: asked.recogniser } : undefined;
    return this.options.tables.identities.insert({
      ...withoutPhotos,
      name: asked.name,
      kind: "embedding",
      embedding,
      recogniser,
    });
  }

  async sample({ count, seed, name }: SampleRequest): Promise<{ seed: number; items: Identity[] }> {
    const { sampler, tables } = this.options;
    const drawn = await sampler(count, seed === "random" ? undefined : seed);
    const items = drawn.embeddings.map((embedding, i) =>
      tables.identities.insert({
        ...withoutPhotos,
        name: i === 0 ? name : `${name} ${i + 1}`,
        kind: "sample",
        embedding,
        recogniser: drawn.recogniser,
      }),
    );
    return { seed: drawn.seed, items };
  }

  get(id: string): Identity {
    return need(this.options.tables.identities, id).identity;
  }

  list({ limit, cursor }: PageQuery): Page<Identity> {
    return this.options.tables.identities.list(limit, cursor);
  }

  rename(id: string, name: string): Identity {
    this.get(id);
    this.options.tables.identities.rename(id, name);
    return this.get(id);
  }

  /** @throws RequestError 404 if the identity is gone, or was not made of a photo */
  async portrait(id: string): Promise<Uint8Array> {
    if (!need(this.options.tables.identities, id).hasPortrait) throw notFound("photo");
    return readStored(this.options.store, portraitKey(id));
  }

  /** Removes an identity with its photos, its embedding, and every image that shows it, alone or blended. */
  async delete(id: string): Promise<void> {
    const { db, tables, store, generations } = this.options;
    const { photos } = need(tables.identities, id);
    await Promise.all(tables.generations.of(id).map((generation) => generations.delete(generation)));
    for (const photo of photos) await this.deletePhoto(photo);
    await store.deletePrefix(identityPrefix(id));
    tables.identities.delete(id);
    db.forgetDeleted();
  }

  async deleteExpiredPhotos(): Promise<void> {
    for (const photo of this.options.tables.photos.expired()) await this.deletePhoto(photo);
  }

  private async createFromPhotos(name: string, chosen: readonly { photo: string; face: number }[]): Promise<Identity> {
    const { tables, store, faces } = this.options;
    const stored = chosen.map(({ photo, face }) => tables.photos.face(photo, face) ?? lost());
    const first = stored[0]!;
    for (const { recogniser } of stored) assertSameRecogniser({ recogniser }, first.recogniser);
    const { threshold = usualThreshold } = await faces.describe();
    const { embedding, outliers } = meanIdentity(stored, threshold);
    const best = bestFace(stored, outliers);
    const id = newId();
    const { photo, face } = chosen[best]!;
    await store.write(portraitKey(id), await readStored(store, portraitOfFace(photo, face)), "image/jpeg");
    return tables.identities.insert(
      {
        name,
        kind: "photos",
        embedding,
        recogniser: first.recogniser,
        photoCount: chosen.length,
        outlierCount: outliers.length,
        quality: stored[best]!.quality,
        hasPortrait: true,
        photos: [...new Set(chosen.map(({ photo }) => photo))],
      },
      id,
    );
  }

  private async deletePhoto(id: string): Promise<void> {
    await this.options.store.deletePrefix(photoPrefix(id));
    this.options.tables.photos.delete(id);
  }
}

const withoutPhotos = { photoCount: 0, outlierCount: 0, quality: null, hasPortrait: false, photos: [] } as const;

/** @throws RequestError 422 if the numbers are all zeros */
function directionOf(embedding: readonly number[]): Float32Array {
  try {
    return unitEmbedding(embedding, embedding.length);
  } catch (error) {
    throw unusableEmbedding((error as Error).message);
  }
}

/** Index of the face to show: the best of those that agree. */
function bestFace(faces: readonly StoredFace[], outliers: readonly number[]): number {
  const kept = [...faces.keys()].filter((i) => !outliers.includes(i));
  return kept.reduce((best, i) => (faces[i]!.quality.score > faces[best]!.quality.score ? i : best), kept[0]!);
}

function lost(): never {
  throw notFound("photo, or no such face in it; photos are kept for an hour, so send it again");
}
