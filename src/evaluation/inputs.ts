import { findPhotos, type Photo } from "../data/photos.js";
import { InputError } from "../errors.js";
import { evenly } from "./evenly.js";

/** A person whose images are made and judged. */
export interface IdentityInput {
  /** The photo's path below the folder without its ending, or the folder that is the person's. Names files. */
  readonly name: string;
  readonly photo: Photo;
}

/**
 * The people of a folder: each photo in it is one, and of each folder in it the first photo is one, as in LFW.
 * @param limit most people; they are taken evenly from all, in the order of their names, so that the first letters do
 *   not decide
 * @throws InputError if the folder holds no photo, or two people would have one name
 */
export async function listInputs(folder: string, limit = Number.POSITIVE_INFINITY): Promise<readonly IdentityInput[]> {
  const people = new Map<string, Photo>();
  const isOnePhoto = new Set<string>();
  for await (const photo of findPhotos([folder])) {
    const inFolder = photo.name.includes("/");
    const name = inFolder ? photo.name.slice(0, photo.name.lastIndexOf("/")) : photo.name.replace(/\.[^.]*$/, "");
    const earlier = people.get(name);
    if (earlier && (!inFolder || isOnePhoto.has(name))) {
      throw new InputError(`${folder}: ${earlier.name} and ${photo.name} would have one name; rename one of them`);
    }
    if (!inFolder) isOnePhoto.add(name);
    if (!earlier) people.set(name, photo);
  }
  return evenly(
    Array.from(people, ([name, photo]) => ({ name, photo })),
    limit,
  );
}
