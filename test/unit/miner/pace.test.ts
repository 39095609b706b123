import { expect, test } from "vitest";
import { createPace } from "../../../src/miner/pace.ts";

/** Scans whole slices for a time, resting as it is told, and counts the hashes. */
function hashesIn(
  durationMs: number,
  hashesPerSecond: number,
  { fastPerMs = 10_000, lateMs = 0 } = {},
): number {
  const pace = createPace(hashesPerSecond);
  let nowMs = 1_000;
  let hashes = 0;
  while (nowMs < 1_000 + durationMs) {
    const startedMs = nowMs;
    nowMs += pace.sliceHashes / fastPerMs;
    hashes += pace.sliceHashes;
    const restMs = pace.rest(pace.sliceHashes, startedMs, nowMs);
    nowMs += restMs > 0 ? restMs + lateMs : 0;
  }
  return hashes;
}

test.each([[20], [1_000], [2_500_000]])("%d hashes a second are kept within 2 %", (rate) => {
  const perSecond = hashesIn(60_000, rate) / 60;
  expect(perSecond / rate).toBeGreaterThan(0.98);
  expect(perSecond / rate).toBeLessThan(1.02);
});

test("what late timers cost is made up for", () => {
  expect(hashesIn(60_000, 1_000_000, { lateMs: 15 }) / 60_000_000).toBeGreaterThan(0.98);
});

test("a thread slower than its rate never rests", () => {
  const pace = createPace(50_000_000);
  expect(pace.rest(pace.sliceHashes, 0, 400)).toBe(0);
  expect(pace.rest(pace.sliceHashes, 400, 800)).toBe(0);
});

test("without a limit nothing rests and slices are not cut", () => {
  const pace = createPace(Number.POSITIVE_INFINITY);
  expect(pace.sliceHashes).toBe(Number.POSITIVE_INFINITY);
  expect(pace.rest(1_000_000, 0, 1)).toBe(0);
});

test("a thread that had no work for an hour does not make up for it", () => {
  const pace = createPace(1_000);
  pace.rest(1_000, 0, 1);
  expect(pace.rest(1_000, 3_600_000, 3_600_001)).toBeCloseTo(899, 5);
});
