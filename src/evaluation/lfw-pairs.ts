import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../errors.js";

/** One photo of a person: the person's name, and the photo's number from 1. */
export interface PersonPhoto {
  person: string;
  number: number;
}

/** Two photos, and whether they show one person. */
export interface VerificationPair<Photo> {
  first: Photo;
  second: Photo;
  same: boolean;
}

export interface PairList<Photo> {
  /** Number of equal folds, which follow each other in `pairs`. */
  folds: number;
  pairs: VerificationPair<Photo>[];
}

/**
 * Parses LFW's `pairs.txt`. Its first line gives the number of folds (1 if left out) and the number n of pairs; each
 * fold has n lines "name number number" of same pairs, and n lines "name number name number" of different ones, parted
 * by tabs or blanks.
 * Source: Huang 2007, README of LFW.
 * @param name what messages call the file
 * @throws InputError naming the line that is wrong, or if the number of lines is
 */
export function parseLfwPairs(text: string, name = "pairs.txt"): PairList<PersonPhoto> {
  const [header = "", ...lines] = text.split("\n").map((line) => line.trim());
  const counts = header.split(/\s+/).map(Number);
  if (counts.length > 2 || !counts.every((count) => Number.isInteger(count) && count > 0)) {
    throw new InputError(
      `${name}: line 1 must give the numbers of folds and pairs, such as "10 300"; it is "${header}".`,
    );
  }
  const [folds, count] = counts.length === 2 ? (counts as [number, number]) : [1, counts[0]!];
  const pairs = lines.flatMap((line, i) => (line === "" ? [] : [parsePair(line, `${name}: line ${i + 2}`)]));
  if (pairs.length !== folds * count * 2) {
    throw new InputError(`${name}: line 1 announces ${folds * count * 2} pairs, but ${pairs.length} follow.`);
  }
  return { folds, pairs };
}

function parsePair(line: string, where: string): VerificationPair<PersonPhoto> {
  const fields = line.split(/\s+/);
  const [person = "", firstNumber, third = "", fourth] = fields;
  const first = { person, number: Number(firstNumber) };
  const second = fields.length === 3 ? { person, number: Number(third) } : { person: third, number: Number(fourth) };
  const numbersFit = [first, second].every(({ number }) => Number.isInteger(number) && number > 0);
  if ((fields.length !== 3 && fields.length !== 4) || !numbersFit) {
    throw new InputError(`${where} is neither "name number number" nor "name number name number": "${line}".`);
  }
  return { first, second, same: fields.length === 3 };
}

/**
 * Reads LFW's `pairs.txt` with the photos it names: `folder/Name/Name_0001.jpg`, or `.jpeg`, `.png`, `.webp`.
 * @returns pairs of paths
 * @throws InputError if the file cannot be read or parsed, or photos are missing; the message counts them and names the first
 */
export async function readLfwPairs(pairsPath: string, folder: string): Promise<PairList<string>> {
  const text = await readFile(pairsPath, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(`${pairsPath}: the list of pairs cannot be read (${cause.code}). Check the path.`, { cause });
  });
  const { folds, pairs } = parseLfwPairs(text, pairsPath);
  const people = new Set(pairs.flatMap(({ first, second }) => [first.person, second.person]));
  const found = new Map<string, string>();
  for (const person of people) {
    for (const file of await listFolder(join(folder, person))) {
      const photo = /^(.*)\.(?:jpe?g|png|webp)$/i.exec(file)?.[1];
      if (photo !== undefined) found.set(photo, join(folder, person, file));
    }
  }

  const missing = new Set<string>();
  const pathOf = ({ person, number }: PersonPhoto): string => {
    const photo = `${person}_${String(number).padStart(4, "0")}`;
    const path = found.get(photo);
    if (path === undefined) missing.add(join(person, photo));
    return path ?? "";
  };
  const paths = pairs.map(({ first, second, same }) => ({ first: pathOf(first), second: pathOf(second), same }));
  if (missing.size > 0) {
    const examples = [...missing].slice(0, 3).join(", ");
    throw new InputError(
      `${folder}: ${missing.size} photos named by ${pairsPath} are missing, such as ${examples}. ` +
        "Give the folder that holds one folder per person.",
    );
  }
  return { folds, pairs: paths };
}

/** The names in a folder; none if it does not exist, which is reported with the photos that should be in it. */
async function listFolder(path: string): Promise<string[]> {
  return readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw error;
  });
}
