import type { Clock } from "../../src/clock.ts";

/** A clock that stands still until it is told to go on. */
export interface FakeClock extends Clock {
  advance(milliseconds: number): void;
}

export function aClock(wallMs = 1_700_000_000_000): FakeClock {
  let elapsed = 0;
  return {
    wallMs: () => wallMs + elapsed,
    monotonicMs: () => elapsed,
    advance(milliseconds) {
      elapsed += milliseconds;
    },
  };
}
