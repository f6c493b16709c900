/** First bytes of the formats that `decodeImage` reads, at an offset. */
const signatures: readonly (readonly [offset: number, ...bytes: number[]])[] = [
  [0, 0xff, 0xd8, 0xff], // JPEG
  [0, 0x89, 0x50, 0x4e, 0x47], // PNG
  [0, 0x47, 0x49, 0x46, 0x38], // GIF
  [8, 0x57, 0x45, 0x42, 0x50], // WebP, after RIFF and a length
  [0, 0x49, 0x49, 0x2a, 0x00], // TIFF, little-endian
  [0, 0x4d, 0x4d, 0x00, 0x2a], // TIFF, big-endian
  [4, 0x66, 0x74, 0x79, 0x70], // AVIF and HEIC: the box "ftyp"
  [0, 0xff, 0x0a], // JPEG XL
  [4, 0x4a, 0x58, 0x4c, 0x20], // JPEG XL in boxes
  [4, 0x6a, 0x50, 0x20, 0x20], // JPEG 2000
];

/** Whether a file begins as photos do. */
export function isPhoto(bytes: Uint8Array): boolean {
  return signatures.some(([offset, ...signature]) => signature.every((byte, i) => bytes[offset + i] === byte));
}
