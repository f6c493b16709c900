import { PickleReader } from "./pickle-reader.js";

/*
 * Python's pickle is a program for a small stack machine, which may call any function of any installed module. This
 * machine calls none: a global stands for whatever the caller's `resolveGlobal` gives, which refuses all but a few,
 * and of the instructions only those are known that torch's own files and lists of bytes are made of.
 */

/** Python's tuple; a list is an array, a dict a Map, a set a Set. */
export class PickleTuple {
  constructor(readonly items: readonly unknown[]) {}
}

/** A class or function that a pickle may name; with `construct`, it may also be called. */
export class PickleGlobal {
  constructor(
    readonly name: string,
    readonly construct?: (args: readonly unknown[]) => unknown,
  ) {}
}

/** What the names in a pickle mean. Both throw CheckpointError to refuse. */
export interface PickleMeaning {
  /** @param name module and name, such as `collections.OrderedDict` */
  resolveGlobal(name: string): PickleGlobal;
  /** What an object kept outside the pickle stands for. */
  resolvePersistentId(id: unknown): unknown;
}

/** No instruction makes more than one value, so this bounds stack, memo and values. A UNet of 700 tensors takes 15,000. */
const instructionLimit = 1_000_000;

/**
 * Runs a pickle of protocol 2 or later and gives the value it makes, built of null, booleans, numbers (bigint beyond
 * 2^53), strings, bytes, arrays, Maps, Sets, {@link PickleTuple} and whatever `meaning` gives. Attributes of a dict, such as
 * a state dict's `_metadata`, are left out.
 * Source: CPython `Lib/pickletools.py`.
 * @throws CheckpointError if the pickle is damaged, too long, or asks for anything but data
 */
export function readPickle(bytes: Uint8Array, meaning: PickleMeaning): unknown {
  return new PickleMachine(bytes, meaning).run();
}

class PickleMachine {
  private readonly reader: PickleReader;
  private instructions = 0;
  private readonly stack: unknown[] = [];
  /** Stack heights at which a MARK was set. */
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, unknown>();

  constructor(
    bytes: Uint8Array,
    private readonly meaning: PickleMeaning,
  ) {
    this.reader = new PickleReader(bytes);
  }

  run(): unknown {
    for (;;) {
      this.spend(1);
      const opcode = this.reader.readUint(1);
      if (opcode === stopOpcode) return this.pop();
      const instruction = instructionSet.get(opcode);
      if (instruction === undefined) {
        this.fail(`instruction 0x${opcode.toString(16)}, which is not one that tensors need`);
      }
      instruction(this, this.reader);
    }
  }

  /** Counts work, so that a short pickle cannot ask for a lot of it. */
  private spend(amount: number): void {
    this.instructions += amount;
    if (this.instructions > instructionLimit) this.fail(`more than ${instructionLimit} instructions`);
  }

  push(value: unknown): void {
    this.stack.push(value);
  }

  pop(): unknown {
    // What lies below a mark belongs to whoever set it.
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) this.fail("a value from an empty stack");
    return this.stack.pop();
  }

  mark(): void {
    this.marks.push(this.stack.length);
  }

  popToMark(): unknown[] {
    const height = this.marks.pop();
    if (height === undefined) this.fail("a mark that was never set");
    return this.stack.splice(height);
  }

  popTuple(length: number): PickleTuple {
    return new PickleTuple(Array.from({ length }, () => this.pop()).reverse());
  }

  duplicate(): void {
    const value = this.pop();
    this.push(value);
    this.push(value);
  }

  /** POP takes a mark away when one lies on top. */
  discard(): void {
    if (this.marks.at(-1) === this.stack.length) this.marks.pop();
    else this.pop();
  }

  store(index: number): void {
    const value = this.pop();
    this.push(value);
    this.memo.set(index, value);
  }

  memoize(): void {
    this.store(this.memo.size);
  }

  recall(index: number): void {
    if (!this.memo.has(index)) this.fail(`value ${index}, which was never stored`);
    this.push(this.memo.get(index));
  }

  append(items: readonly unknown[]): void {
    const list = this.peek();
    if (!Array.isArray(list)) this.fail("to append to something that is no list");
    for (const item of items) list.push(item);
  }

  setItems(items: readonly unknown[]): void {
    const dict = this.peek();
    if (!(dict instanceof Map)) this.fail("to set a key of something that is no dict");
    this.fill(dict, items);
  }

  addItems(items: readonly unknown[]): void {
    const set = this.peek();
    if (!(set instanceof Set)) this.fail("to add to something that is no set");
    for (const item of items) set.add(item);
  }

  makeDict(items: readonly unknown[]): void {
    const dict = new Map<unknown, unknown>();
    this.fill(dict, items);
    this.push(dict);
  }

  pushGlobal(module: unknown, name: unknown): void {
    if (typeof module !== "string" || typeof name !== "string") this.fail("a global whose name is no text");
    this.push(this.meaning.resolveGlobal(`${module}.${name}`));
  }

  pushPersistent(): void {
    this.push(this.meaning.resolvePersistentId(this.pop()));
  }

  reduce(): void {
    const args = this.pop();
    const callable = this.pop();
    if (!(callable instanceof PickleGlobal) || callable.construct === undefined || !(args instanceof PickleTuple)) {
      this.fail("to call something that cannot be called");
    }
    for (const arg of args.items) this.spend(lengthOf(arg));
    this.push(callable.construct(args.items));
  }

  /** BUILD sets attributes. Those of a dict are of no use here; nothing else may have any. */
  build(): void {
    const state = this.pop();
    if (!(this.peek() instanceof Map && state instanceof Map))
      this.fail("to set attributes of something that is no dict");
  }

  private peek(): unknown {
    const value = this.pop();
    this.push(value);
    return value;
  }

  private fill(dict: Map<unknown, unknown>, items: readonly unknown[]): void {
    if (items.length % 2 !== 0) this.fail("a key without a value");
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  }

  private fail(what: string): never {
    this.reader.fail(what);
  }
}

/** How many items a call may go through when it gets this value. */
function lengthOf(value: unknown): number {
  if (value instanceof PickleTuple) return value.items.length;
  return Array.isArray(value) ? value.length : 0;
}

const stopOpcode = 0x2e;

/** What each instruction does, by opcode, with its name in `pickletools`. */
const instructionSet: ReadonlyMap<number, (machine: PickleMachine, reader: PickleReader) => void> = new Map([
  [0x80, (_, r) => r.skip(1)], // PROTO
  [0x95, (_, r) => r.skip(8)], // FRAME
  [0x28, (m) => m.mark()], // MARK
  [0x30, (m) => m.discard()], // POP
  [0x31, (m) => m.popToMark()], // POP_MARK
  [0x32, (m) => m.duplicate()], // DUP
  [0x4e, (m) => m.push(null)], // NONE
  [0x88, (m) => m.push(true)], // NEWTRUE
  [0x89, (m) => m.push(false)], // NEWFALSE
  [0x4b, (m, r) => m.push(r.readUint(1))], // BININT1
  [0x4d, (m, r) => m.push(r.readUint(2))], // BININT2
  [0x4a, (m, r) => m.push(r.readInt32())], // BININT
  [0x8a, (m, r) => m.push(r.readLong(r.readUint(1)))], // LONG1
  [0x47, (m, r) => m.push(r.readFloat())], // BINFLOAT
  [0x8c, (m, r) => m.push(r.readText(r.readUint(1)))], // SHORT_BINUNICODE
  [0x58, (m, r) => m.push(r.readText(r.readUint(4)))], // BINUNICODE
  [0x8d, (m, r) => m.push(r.readText(r.readUint64()))], // BINUNICODE8
  [0x43, (m, r) => m.push(r.readBytes(r.readUint(1)))], // SHORT_BINBYTES
  [0x42, (m, r) => m.push(r.readBytes(r.readUint(4)))], // BINBYTES
  [0x8e, (m, r) => m.push(r.readBytes(r.readUint64()))], // BINBYTES8
  [0x55, (m, r) => m.push(r.readBytes(r.readUint(1)))], // SHORT_BINSTRING
  [0x54, (m, r) => m.push(r.readBytes(r.readUint(4)))], // BINSTRING
  [0x29, (m) => m.push(new PickleTuple([]))], // EMPTY_TUPLE
  [0x85, (m) => m.push(m.popTuple(1))], // TUPLE1
  [0x86, (m) => m.push(m.popTuple(2))], // TUPLE2
  [0x87, (m) => m.push(m.popTuple(3))], // TUPLE3
  [0x74, (m) => m.push(new PickleTuple(m.popToMark()))], // TUPLE
  [0x5d, (m) => m.push([])], // EMPTY_LIST
  [0x6c, (m) => m.push(m.popToMark())], // LIST
  [0x61, (m) => m.append([m.pop()])], // APPEND
  [0x65, (m) => m.append(m.popToMark())], // APPENDS
  [0x7d, (m) => m.makeDict([])], // EMPTY_DICT
  [0x64, (m) => m.makeDict(m.popToMark())], // DICT
  [0x73, (m) => m.setItems(m.popTuple(2).items)], // SETITEM
  [0x75, (m) => m.setItems(m.popToMark())], // SETITEMS
  [0x8f, (m) => m.push(new Set())], // EMPTY_SET
  [0x90, (m) => m.addItems(m.popToMark())], // ADDITEMS
  [0x71, (m, r) => m.store(r.readUint(1))], // BINPUT
  [0x72, (m, r) => m.store(r.readUint(4))], // LONG_BINPUT
  [0x94, (m) => m.memoize()], // MEMOIZE
  [0x68, (m, r) => m.recall(r.readUint(1))], // BINGET
  [0x6a, (m, r) => m.recall(r.readUint(4))], // LONG_BINGET
  [0x63, (m, r) => m.pushGlobal(r.readLine(), r.readLine())], // GLOBAL
  [0x93, (m) => m.pushGlobal(...(m.popTuple(2).items as [unknown, unknown]))], // STACK_GLOBAL
  [0x51, (m) => m.pushPersistent()], // BINPERSID
  [0x52, (m) => m.reduce()], // REDUCE
  [0x62, (m) => m.build()], // BUILD
]);
