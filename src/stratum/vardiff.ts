/**
 * Which difficulty makes a device report `sharesPerMinute` times a minute. Pure: counts and time in, a number out.
 *
 * Shares come at random, so a count of n is only good to about its square root: a decision waits until the count
 * speaks clearly. Steps are powers of two, so that a device whose ideal lies between two steps stays on one of them.
 */
import type { DifficultyOptions } from "./difficulty.ts";
import { clamp } from "./difficulty.ts";

/** One connection's measurement; `countShare` is all that the hot path does. */
export interface VardiffWindow {
  readonly difficulty: number;
  readonly sinceMs: number;
  /** Accepted shares, each in units of `difficulty`: one at half of it counts half. */
  load: number;
  /** The difficulty at which shares last came in, or the first one: silence eases at most 1,024-fold below it. */
  readonly provenDifficulty: number;
}

export function openWindow(difficulty: number, nowMs: number, before?: VardiffWindow): VardiffWindow {
  const provenDifficulty = before === undefined ? difficulty : provenBy(before);
  return { difficulty, sinceMs: nowMs, load: 0, provenDifficulty };
}

export function countShare(window: VardiffWindow, shareDifficulty: number): void {
  window.load += shareDifficulty / window.difficulty;
}

function provenBy(window: VardiffWindow): number {
  return window.load > 0 ? window.difficulty : window.provenDifficulty;
}

/** A flood is answered at once; a chance of such a run at the right difficulty is below 1 in 10,000. */
const floodShares = 12;
const floodRatio = 4;
/** Long enough for a count to tell half or double from the ideal. */
const windowShares = 24;
/** Silence of this many expected shares: a chance of 1 in 400 at the right difficulty. */
const silentShares = 6;
const maxRise = 16;
const maxFall = 4;
const maxEasing = 1024;

/**
 * @returns the difficulty of the next window, which may be the same; undefined while the present window should go on.
 */
export function nextDifficulty(
  window: VardiffWindow,
  nowMs: number,
  { min, max, sharesPerMinute }: Pick<DifficultyOptions, "min" | "max" | "sharesPerMinute">,
): number | undefined {
  const expected = ((nowMs - window.sinceMs) / 60_000) * sharesPerMinute;
  const { load, difficulty } = window;
  if (load >= floodShares && load >= floodRatio * expected)
    return risen(difficulty, load / expected, min, max);
  if (load === 0 && expected >= silentShares) return eased(window, min, max);
  if (expected < windowShares) return undefined;
  const ratio = load / expected;
  if (ratio >= 2) return risen(difficulty, ratio, min, max);
  if (ratio <= 0.5) return clamp(difficulty / Math.min(maxFall, floorPowerOfTwo(1 / ratio)), min, max);
  return clamp(difficulty, min, max);
}

function risen(difficulty: number, ratio: number, min: number, max: number): number {
  return clamp(difficulty * Math.min(maxRise, floorPowerOfTwo(ratio)), min, max);
}

/** A device that is tuning itself or waits for the sun is not to be flooded when it comes back. */
function eased(window: VardiffWindow, min: number, max: number): number {
  const floor = Math.min(window.difficulty, window.provenDifficulty / maxEasing);
  return clamp(Math.max(window.difficulty / maxFall, floor), min, max);
}

/** @param value at least 1, perhaps infinite. */
function floorPowerOfTwo(value: number): number {
  return 2 ** Math.floor(Math.log2(Math.min(value, maxRise)));
}
