/** Repeatable randomness for property tests: the same seed gives the same numbers for ever (SplitMix64). */
export interface RandomSource {
  /** Both bounds included. */
  integer(from: number, to: number): number;
  /** Uniform below 2^bits. */
  bigint(bits: number): bigint;
  bytes(length: number): Buffer;
}

export function randomSource(seed: number): RandomSource {
  let state = BigInt(seed);

  function next64(): bigint {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  }

  function bigint(bits: number): bigint {
    let value = 0n;
    for (let have = 0; have < bits; have += 64) value = (value << 64n) | next64();
    return BigInt.asUintN(bits, value);
  }

  return {
    integer: (from, to) => from + Number(next64() % BigInt(to - from + 1)),
    bigint,
    bytes: (length) => Buffer.from(Array.from({ length }, () => Number(next64() & 0xffn))),
  };
}

/** Numbers below a limit, for fuzzing: Mulberry32 is several times faster than the source above, and as repeatable. */
export function mulberry32(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}
