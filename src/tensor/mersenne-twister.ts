const stateLength = 624;
const shiftLength = 397;

/** The internal state of {@link MersenneTwister}, in the terms of the authors' `mt19937ar-cok.c`. */
export interface MersenneTwisterState {
  /** The current block of 624 words. */
  readonly words: Uint32Array;
  /** Draws until a new block is made, counting the one that makes it. */
  readonly left: number;
  /** Index of the word that is given out next. */
  readonly next: number;
}

/**
 * MT19937, the random source of NumPy's legacy generator and of torch on the CPU.
 * Source: Matsumoto & Nishimura 1998, "Mersenne Twister" (`init_genrand`, not `init_by_array`).
 */
export class MersenneTwister {
  private words = new Uint32Array(stateLength);
  // The first draw makes the first block.
  private drawsLeft = 1;
  private nextIndex = 0;

  /** @param seed only its low 32 bits are used */
  constructor(seed: number) {
    this.words[0] = seed;
    for (let i = 1; i < stateLength; i++) {
      const previous = this.words[i - 1]!;
      this.words[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
    }
  }

  /** The next integer, uniform in 0 to 2^32 - 1. */
  next(): number {
    this.drawsLeft -= 1;
    if (this.drawsLeft === 0) this.makeBlock();
    let y = this.words[this.nextIndex++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  getState(): MersenneTwisterState {
    return { words: this.words.slice(), left: this.drawsLeft, next: this.nextIndex };
  }

  setState(state: MersenneTwisterState): void {
    this.words = state.words.slice();
    this.drawsLeft = state.left;
    this.nextIndex = state.next;
  }

  private makeBlock(): void {
    const words = this.words;
    for (let i = 0; i < stateLength; i++) {
      const mixed = (words[i]! & 0x80000000) | (words[(i + 1) % stateLength]! & 0x7fffffff);
      const twisted = (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
      words[i] = words[(i + shiftLength) % stateLength]! ^ twisted;
    }
    this.drawsLeft = stateLength;
    this.nextIndex = 0;
  }
}
