import { CheckpointError } from "../errors.js";

/** A value of a header. Objects are maps, so that no key, `__proto__` included, is special. */
export type HeaderValue = string | number | readonly number[] | ReadonlyMap<string, HeaderValue>;

/** Sizes in a shape; NumPy and torch have this limit too. */
const arrayLimit = 64;

/**
 * Parses the JSON of a safetensors header, one field at a time, so that a damaged one is given up early.
 * Stricter than `JSON.parse`: a key that occurs twice is refused instead of the last one winning silently (two readers
 * could then see two files), and so is anything no header holds: `null`, booleans, deeper nesting, numbers other than
 * plain whole ones.
 * @throws CheckpointError with the position of the first character that does not fit
 */
export function* parseHeaderJson(text: string): Generator<[name: string, value: HeaderValue]> {
  const parser = new HeaderParser(text);
  yield* parser.fields(() => parser.value());
  parser.end();
}

class HeaderParser {
  private position = 0;

  constructor(private readonly text: string) {}

  *fields<T>(value: () => T): Generator<[name: string, value: T]> {
    const seen = new Set<string>();
    if (!this.take("{")) this.fail("'{'");
    if (this.take("}")) return;
    do {
      this.skipSpace();
      const at = this.position;
      const key = this.string();
      if (seen.has(key)) {
        this.position = at;
        this.fail("another key, as this one occurs twice");
      }
      seen.add(key);
      if (!this.take(":")) this.fail("':'");
      yield [key, value()];
    } while (this.take(","));
    if (!this.take("}")) this.fail("',' or '}'");
  }

  value(): HeaderValue {
    this.skipSpace();
    if (this.text[this.position] === "{") return new Map(this.fields(() => this.simpleValue()));
    return this.simpleValue();
  }

  end(): void {
    this.skipSpace();
    if (this.position !== this.text.length) this.fail("nothing more");
  }

  private simpleValue(): string | number | readonly number[] {
    this.skipSpace();
    const first = this.text[this.position];
    if (first === "[") return this.array();
    return first === '"' ? this.string() : this.wholeNumber();
  }

  private array(): readonly number[] {
    const items: number[] = [];
    this.position++;
    if (this.take("]")) return items;
    do {
      if (items.length === arrayLimit) this.fail(`at most ${arrayLimit} numbers`);
      this.skipSpace();
      items.push(this.wholeNumber());
    } while (this.take(","));
    if (!this.take("]")) this.fail("',' or ']'");
    return items;
  }

  private string(): string {
    if (this.text[this.position] !== '"') this.fail("a string");
    // Step over escaped characters, so that the closing quote is found; JSON.parse then checks and resolves the escapes.
    let end = this.position + 1;
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === "\\" ? 2 : 1;
    const literal = this.text.slice(this.position, end + 1);
    try {
      const value: string = JSON.parse(literal);
      this.position = end + 1;
      return value;
    } catch {
      return this.fail("a valid string");
    }
  }

  private wholeNumber(): number {
    const pattern = /(?:0|[1-9]\d{0,15})(?![\d.eE])/y;
    pattern.lastIndex = this.position;
    const digits = pattern.exec(this.text)?.[0];
    const value = Number(digits);
    if (digits === undefined || !Number.isSafeInteger(value)) return this.fail("a whole number up to 2^53 - 1");
    this.position += digits.length;
    return value;
  }

  private take(character: string): boolean {
    this.skipSpace();
    if (this.text[this.position] !== character) return false;
    this.position++;
    return true;
  }

  private skipSpace(): void {
    while (" \n\r\t".includes(this.text[this.position] ?? "?")) this.position++;
  }

  private fail(expected: string): never {
    const found = JSON.stringify(this.text.slice(this.position, this.position + 20));
    throw new CheckpointError(
      `The header is not valid at character ${this.position}: expected ${expected}, found ${found}. Fetch the file again.`,
    );
  }
}
