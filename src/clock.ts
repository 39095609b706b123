/** Time as an argument: pure code and tests never read the clock themselves. */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970, for what people and the chain see. May jump. */
  wallMs(): number;
  /** Milliseconds that only ever rise, for every duration and deadline. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
