/** Pure: when a thread that may make only so many hashes a second has to rest, and for how long. */
export interface Pace {
  /** Most hashes between two rests. */
  readonly sliceHashes: number;
  /** @returns milliseconds to rest after `hashes` that were begun at `startedMs` and are done now. */
  rest(hashes: number, startedMs: number, nowMs: number): number;
}

const sliceMs = 70;
/** What late timers cost is made up for; a thread that had no work for longer has nothing to make up. */
const maxBehindMs = 100;

/** @param hashesPerSecond above 0; Infinity for no limit. */
export function createPace(hashesPerSecond: number): Pace {
  let freeAtMs = Number.NEGATIVE_INFINITY;
  return {
    sliceHashes: Math.max(1, Math.floor((hashesPerSecond / 1000) * sliceMs)),
    rest(hashes, startedMs, nowMs) {
      freeAtMs = Math.max(freeAtMs, startedMs - maxBehindMs) + (hashes / hashesPerSecond) * 1000;
      return Math.max(0, freeAtMs - nowMs);
    },
  };
}
