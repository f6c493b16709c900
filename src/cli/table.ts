import { printable } from "./printable.js";

/**
 * Rows of text as aligned columns, two spaces apart.
 * @param header its cells; one that starts with `>` (which is dropped) makes a column of numbers, aligned right
 */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const alignedRight = header.map((cell) => cell.startsWith(">"));
  const titles = header.map((cell, i) => (alignedRight[i] ? cell.slice(1) : cell));
  const lines = [titles, ...rows.map((row) => row.map(printable))];
  const widths = header.map((_, i) => Math.max(...lines.map((line) => (line[i] ?? "").length)));
  const formatCell = (cell: string, i: number) =>
    alignedRight[i] ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number);
  return lines.map((line) => `${line.map(formatCell).join("  ").trimEnd()}\n`).join("");
}

/** Facts, one a line: labels in a column, and what they say. */
export function formatFacts(facts: readonly (readonly [label: string, fact: string])[]): string {
  const width = Math.max(...facts.map(([label]) => label.length));
  return facts.map(([label, fact]) => `${label.padEnd(width)}  ${printable(fact)}\n`).join("");
}

/** Bytes in megabytes (10^6), as download pages count. */
export function megabytes(bytes: number): string {
  return (bytes / 1e6).toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}
