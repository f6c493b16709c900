/** A page of a list, newest first. */
export interface Page<Item> {
  readonly items: Item[];
  /** Cursor of the page after this one; null on the last. */
  readonly next: string | null;
}

/** @param rows one more than `limit`, if there are more */
export function page<Row extends { seq: number }, Item>(
  rows: readonly Row[],
  limit: number,
  toItem: (row: Row) => Item,
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { items: shown.map(toItem), next: rows.length > limit && last ? String(last.seq) : null };
}

/** Little-endian float32, as every machine that runs Node has it. */
export function toBlob(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

/** A copy: a Buffer's place in memory need not be a multiple of 4. */
export function fromBlob(blob: Buffer): Float32Array {
  return new Float32Array(Uint8Array.from(blob).buffer);
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

export function isoTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}
