/**
 * Which difficulty makes a device report `sharesPerMinute` times a minute. Pure: counts and time in, a number out.
 * docs/vardiff.md explains the rules and shows what they do to simulated devices.
 *
 * Shares come at random, so a count of n is only good to about its square root: a change waits until the counts speak
 * clearly against the present difficulty. Two counts are kept. The window is what came since difficulty last changed or
 * the window last agreed with what was known; it tells that a device has become another one. The history, which fades
 * and outlives small changes, tells the nearest step.
 */
import type { DifficultyOptions } from "./difficulty.ts";
import { clamp } from "./difficulty.ts";

export interface VardiffBounds extends Pick<DifficultyOptions, "min" | "max" | "sharesPerMinute"> {
  /** Powers of two if left out: rental proxies round to them. Fine: two significant decimal digits. */
  readonly step?: "power-of-two" | "fine";
  /** Silence does not ease below it before a first share: some ASICs tune themselves for minutes. */
  readonly floorBeforeFirstShare?: number;
}

/** One connection's measurement; `countShare` is all that the hot path does. */
export interface VardiffWindow {
  readonly difficulty: number;
  readonly sinceMs: number;
  /** Accepted shares, each in units of `difficulty`: one at half of it counts half. */
  load: number;
  /** The difficulty at which a share last came in, here or on an earlier connection; 0 if none ever did. */
  readonly provenDifficulty: number;
  /** When the device was last found to be another than was thought; in the beginning, when it connected. */
  readonly guessedMs: number;
  /** Shares before this window, faded. */
  readonly shares: number;
  /** Milliseconds before this window, each divided by its difficulty, faded as the shares are. */
  readonly exposure: number;
}

/** @param before what this connection was measured by until now; without it the difficulty is a guess. */
export function openWindow(difficulty: number, nowMs: number, before?: VardiffWindow): VardiffWindow {
  if (before === undefined) return firstWindow(difficulty, nowMs, 0);
  const { load, sinceMs, provenDifficulty } = before;
  const elapsedMs = nowMs - sinceMs;
  const isBreak = Math.max(difficulty / before.difficulty, before.difficulty / difficulty) >= breakRatio;
  const kept = isBreak ? 0 : Math.exp(-elapsedMs / memoryMs);
  const trusted = trustedPart(before, isBreak);
  const isFirstShare = provenDifficulty === 0 && load > 0;
  return {
    difficulty,
    sinceMs: nowMs,
    load: 0,
    provenDifficulty: load > 0 ? before.difficulty : provenDifficulty,
    guessedMs: isFirstShare || (isBreak && provenDifficulty > 0) ? nowMs : before.guessedMs,
    shares: before.shares * kept + load * trusted,
    exposure: before.exposure * kept + (elapsedMs / before.difficulty) * trusted,
  };
}

/** How much of a window's count may be taken for the device's speed. */
function trustedPart(window: VardiffWindow, isBreak: boolean): number {
  // No silence says anything of a difficulty far away.
  if (isWaiting(window) || (isBreak && window.load === 0)) return 0;
  return isBreak && window.load > trustedFlood ? trustedFlood / window.load : 1;
}

/** Silence that says nothing, before the first share (the device may be tuning itself) or in a long night. */
function isWaiting({ difficulty, load, provenDifficulty }: VardiffWindow): boolean {
  return load === 0 && (provenDifficulty === 0 || difficulty <= provenDifficulty / maxEasing);
}

/** A first window whose difficulty was found on an earlier connection, by shares: silence eases it with caution. */
export function reopenWindow(difficulty: number, nowMs: number): VardiffWindow {
  return firstWindow(difficulty, nowMs, difficulty);
}

function firstWindow(difficulty: number, nowMs: number, provenDifficulty: number): VardiffWindow {
  return { difficulty, sinceMs: nowMs, load: 0, provenDifficulty, guessedMs: nowMs, shares: 0, exposure: 0 };
}

export function countShare(window: VardiffWindow, shareDifficulty: number): void {
  window.load += shareDifficulty / window.difficulty;
}

/** The history fades to a third in this time. */
const memoryMs = 15 * 60_000;
/** A change this large, either way, means that the device is not what the history says. */
const breakRatio = 4;
/** A flood's count is exact, but not its time, of which the way to the device and back is a good part. */
const trustedFlood = 8;
/** So long a difficulty is a guess that gives way to a better one at small odds. */
const guessMs = 10 * 60_000;
/** Odds as powers of e, against the nearest rate that would leave difficulty where it is. */
const windowOdds = 6;
const guessOdds = 0.25;
const settledOdds = 2;
/** No small change is decided before so many shares were due. */
const leastExpected = 12;
/** No rise by the window alone is decided on fewer shares. */
const leastFlood = 12;
/** Shares that waited for the connection come in one burst: no rate is read from less time. */
const leastWindowMs = 1000;
/** A great rise stops this far below its estimate, where better ones come soon. */
const caution = 2;
const maxRise = 1024;
const maxFall = 4;
/** Silence eases a device that has proven itself at most so far below what it has proven. */
const maxEasing = 1024;
/** A device that was never heard is eased when so many shares were due, and again each time that so many more were. */
const firstSilence = 6;
const nextSilence = 2;
const maxFirstEasing = 64;
/** A window that agrees joins the history when so many shares were due; any does at the second figure. */
const agreedWindow = 3;
const longestWindow = 24;
const agreedOdds = 0.5;

/**
 * @returns the difficulty of the next window, which may be the same; undefined while the present window should go on.
 */
export function nextDifficulty(
  window: VardiffWindow,
  nowMs: number,
  bounds: VardiffBounds,
): number | undefined {
  const { difficulty, load, provenDifficulty } = window;
  const { min, max } = bounds;
  const choose = provenDifficulty === 0 && load === 0 ? easedGuess : wantedDifficulty;
  const wanted = clamp(choose(window, nowMs, bounds) ?? difficulty, min, max);
  if (wanted !== difficulty) return wanted;
  const expected = expectedShares(nowMs - window.sinceMs, bounds);
  // The share that ends the wait is not to be weighed against the silence before it.
  if (isWaiting(window)) return expected >= nextSilence ? difficulty : undefined;
  if (expected < agreedWindow) return undefined;
  const odds = oddsAgainst(load, expected, stepsOf(bounds).edge);
  return odds <= agreedOdds || expected >= longestWindow ? difficulty : undefined;
}

function wantedDifficulty(window: VardiffWindow, nowMs: number, bounds: VardiffBounds): number | undefined {
  const { difficulty } = window;
  const { edge, nearest } = stepsOf(bounds);
  const expected = expectedShares(Math.max(nowMs - window.sinceMs, leastWindowMs), bounds);
  const ratio = believedRatio(window, expected, nowMs, bounds, edge);
  if (ratio === undefined) return undefined;
  return ratio > 1
    ? nearest(risen(difficulty, ratio))
    : fallen(window, nearest(difficulty * Math.max(ratio, 1 / maxFall)));
}

/** @returns the device's share rate in units of the aim, if it speaks clearly against the present difficulty. */
function believedRatio(
  window: VardiffWindow,
  expected: number,
  nowMs: number,
  bounds: VardiffBounds,
  edge: number,
): number | undefined {
  const { load } = window;
  const mayDecide = load < expected || load >= leastFlood;
  if (mayDecide && oddsAgainst(load, expected, edge) >= windowOdds) return load / expected;
  const allShares = window.shares + load;
  const allExpected = expectedShares(window.exposure * window.difficulty, bounds) + expected;
  if (allExpected < leastExpected) return undefined;
  // The first share may have come late, and only since then is there anything to be sure of.
  const isGuess = window.provenDifficulty === 0 || nowMs - window.guessedMs < guessMs;
  const needed = isGuess ? guessOdds : settledOdds;
  return oddsAgainst(allShares, allExpected, edge) >= needed ? allShares / allExpected : undefined;
}

function expectedShares(milliseconds: number, { sharesPerMinute }: VardiffBounds): number {
  return (milliseconds / 60_000) * sharesPerMinute;
}

/**
 * How much likelier (the logarithm of a ratio of likelihoods, for shares that come as a Poisson process) the rate seen
 * is than the nearest one that the present difficulty is right for: `edge` times the aim, or the aim divided by it.
 */
function oddsAgainst(shares: number, expected: number, edge: number): number {
  if (shares > expected * edge) return logOdds(shares, expected * edge);
  if (shares < expected / edge) return logOdds(shares, expected / edge);
  return 0;
}

function logOdds(shares: number, mean: number): number {
  return (shares === 0 ? 0 : shares * Math.log(shares / mean)) - (shares - mean);
}

function risen(difficulty: number, ratio: number): number {
  return difficulty * Math.min(ratio >= breakRatio ? ratio / caution : ratio, maxRise);
}

/** A device that waits for the sun is not to flood when it comes back. */
function fallen({ difficulty, load, provenDifficulty }: VardiffWindow, next: number): number {
  return load > 0 ? next : Math.max(next, Math.min(difficulty, provenDifficulty / maxEasing));
}

/** Nothing is known of the device but that it is slower than what was tried: the next try is far below. */
function easedGuess(window: VardiffWindow, nowMs: number, bounds: VardiffBounds): number | undefined {
  const { difficulty, sinceMs, guessedMs } = window;
  if (expectedShares(nowMs - sinceMs, bounds) < nextSilence) return undefined;
  if (expectedShares(nowMs - guessedMs, bounds) < firstSilence) return undefined;
  const floor = Math.min(difficulty, bounds.floorBeforeFirstShare ?? 0);
  return Math.max(stepsOf(bounds).nearest(difficulty / maxFirstEasing), floor);
}

interface Steps {
  /** A difficulty is right while the ideal is within this factor of it. */
  readonly edge: number;
  readonly nearest: (value: number) => number;
}

const powersOfTwo: Steps = { edge: Math.SQRT2, nearest: (value) => 2 ** Math.round(Math.log2(value)) };
const fineSteps: Steps = { edge: 1.15, nearest: (value) => Number(value.toPrecision(2)) };

function stepsOf({ step }: VardiffBounds): Steps {
  return step === "fine" ? fineSteps : powersOfTwo;
}
