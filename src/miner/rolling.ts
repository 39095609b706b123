/** Pure: what a miner changes in a header, counted. */

/** The lowest set bits of a mask, at most `count`, each as a number. */
export function lowestBits(mask: number, count: number): number[] {
  return Array.from({ length: 32 }, (_, bit) => (mask & (1 << bit)) >>> 0)
    .filter((bit) => bit !== 0)
    .slice(0, count);
}

/** The binary digits of `value`, written into the given bits. */
export function spread(value: number, bits: readonly number[]): number {
  return bits.reduce((sum, bit, place) => ((value >> place) & 1 ? sum + bit : sum), 0);
}

/** Big-endian; what does not fit is cut off in front. */
export function counterBytes(value: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let rest = value;
  for (let i = size - 1; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return bytes;
}

/**
 * Times of headers that have nothing else left to differ by: from one lap through all other variants to the next, they
 * are later than any before.
 */
export class LapTimes {
  #lap = -1;
  #least = 0;
  #latest = -1;

  /** @param wished seconds since 1970; it is no earlier. */
  timeOf(lap: number, wished: number): number {
    if (lap !== this.#lap) {
      this.#lap = lap;
      this.#least = this.#latest + 1;
    }
    const time = Math.max(wished, this.#least);
    this.#latest = Math.max(this.#latest, time);
    return time;
  }
}
