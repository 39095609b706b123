import { describe, expect, test } from "vitest";
import type { VardiffWindow } from "../../../src/stratum/vardiff.ts";
import { countShare, nextDifficulty, openWindow } from "../../../src/stratum/vardiff.ts";
import { randomSource } from "../../support/random.ts";

const options = { min: 0.00001, max: 1_000_000_000, sharesPerMinute: 6 };
const hashesPerDifficulty = 2 ** 32;

interface Step {
  readonly seconds: number;
  readonly difficulty: number;
}

interface Run {
  readonly steps: readonly Step[];
  readonly shares: number;
  readonly final: number;
}

/** A device of `hashrate` (a function of time in seconds) whose shares come at random; vardiff looks once a second. */
function simulate(hashrate: (seconds: number) => number, start: number, seconds: number, seed = 1): Run {
  const random = randomSource(seed);
  let window: VardiffWindow = openWindow(start, 0);
  const steps: Step[] = [];
  let shares = 0;
  for (let second = 1; second <= seconds; second++) {
    const mean = hashrate(second) / (hashesPerDifficulty * window.difficulty);
    for (let n = poisson(mean, random); n > 0; n--) {
      shares += 1;
      countShare(window, window.difficulty);
    }
    const next = nextDifficulty(window, second * 1000, options);
    if (next === undefined) continue;
    if (next !== window.difficulty) steps.push({ seconds: second, difficulty: next });
    window = openWindow(next, second * 1000, window);
  }
  return { steps, shares, final: window.difficulty };
}

function poisson(mean: number, random: ReturnType<typeof randomSource>): number {
  const uniform = () => random.integer(1, 2 ** 30) / 2 ** 30;
  // For many, the bell curve is near enough.
  if (mean > 50) {
    const bell = Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * bell));
  }
  let count = 0;
  for (let product = uniform(); product > Math.exp(-mean); product *= uniform()) count++;
  return count;
}

/** The difficulty at which a device reports six times a minute. */
const idealFor = (hashrate: number) => hashrate / hashesPerDifficulty / 0.1;

describe("devices", () => {
  test.each([
    ["an S21 at 200 TH/s", 200e12],
    ["a Bitaxe at 1 TH/s", 1e12],
    ["a farm proxy at 400 PH/s", 400e15],
    ["a USB stick at 10 GH/s", 10e9],
  ])("%s comes within a factor of two of its ideal, without a flood on the way", (_, hashrate) => {
    for (let seed = 1; seed <= 5; seed++) {
      const { final, steps, shares } = simulate(() => hashrate, 1024, 3600, seed);
      const ratio = final / idealFor(hashrate);
      expect(ratio).toBeGreaterThan(0.4);
      expect(ratio).toBeLessThan(2.5);
      expect(steps.length).toBeLessThan(20);
      const firstSecond = hashrate / (hashesPerDifficulty * 1024);
      expect(shares).toBeLessThan(600 + 2 * firstSecond);
    }
  });

  test("a device whose ideal is a step of the ladder stays on it for hours", () => {
    const hashrate = 1024 * hashesPerDifficulty * 0.1;
    const changes = [1, 2, 3, 4, 5].map(
      (seed) => simulate(() => hashrate, 1024, 6 * 3600, seed).steps.length,
    );
    expect(changes.reduce((a, b) => a + b)).toBeLessThan(10);
  });

  test("a device that is throttled to a tenth is followed within minutes", () => {
    const { final } = simulate((second) => (second < 3600 ? 100e12 : 10e12), 16_384, 2 * 3600);
    expect(final / idealFor(10e12)).toBeGreaterThan(0.4);
    expect(final / idealFor(10e12)).toBeLessThan(2.5);
  });

  test("a device that comes back from a long silence floods nobody", () => {
    const hashrate = 100e12;
    const night = (second: number) => (second > 3600 && second < 10 * 3600 ? 0 : hashrate);
    const before = simulate(night, 16_384, 10 * 3600 - 1);
    const after = simulate(night, 16_384, 10 * 3600 + 60);
    expect(before.final).toBeGreaterThanOrEqual(idealFor(hashrate) / 4096);
    // One second at most at each of a few steps of sixteen.
    expect(after.shares - before.shares).toBeLessThan(600);
  });

  test("a device that has not reported yet is eased, but not below a thousandth of the start", () => {
    const { final, steps } = simulate(() => 0, 1024, 24 * 3600);
    expect(final).toBe(1);
    expect(steps[0]).toEqual({ seconds: 60, difficulty: 256 });
    expect(steps).toHaveLength(5);
  });
});

describe("rules", () => {
  const windowWith = (load: number, difficulty = 1024): VardiffWindow => ({
    ...openWindow(difficulty, 0),
    load,
  });

  test("a dozen shares in four times the pace raise at once, by at most sixteen", () => {
    expect(nextDifficulty(windowWith(11), 1000, options)).toBeUndefined();
    expect(nextDifficulty(windowWith(12), 1000, options)).toBe(1024 * 16);
    expect(nextDifficulty(windowWith(12), 29_000, options)).toBe(1024 * 4);
    expect(nextDifficulty(windowWith(12), 31_000, options)).toBeUndefined();
    expect(nextDifficulty(windowWith(1e9), 1000, options)).toBe(1024 * 16);
    expect(nextDifficulty(windowWith(12), 0, options)).toBe(1024 * 16);
  });

  test("a whole window decides between up, down and going on", () => {
    const end = 240_000;
    expect(nextDifficulty(windowWith(23), end - 1, options)).toBeUndefined();
    expect(nextDifficulty(windowWith(24), end, options)).toBe(1024);
    expect(nextDifficulty(windowWith(48), end, options)).toBe(2048);
    expect(nextDifficulty(windowWith(47), end, options)).toBe(1024);
    expect(nextDifficulty(windowWith(13), end, options)).toBe(1024);
    expect(nextDifficulty(windowWith(12), end, options)).toBe(512);
    expect(nextDifficulty(windowWith(1), end, options)).toBe(256);
  });

  test("the bounds hold, also when they have moved", () => {
    expect(nextDifficulty(windowWith(100), 1000, { ...options, max: 2000 })).toBe(2000);
    expect(nextDifficulty(windowWith(0), 60_000, { ...options, min: 1000 })).toBe(1000);
    expect(nextDifficulty(windowWith(24), 240_000, { ...options, max: 500 })).toBe(500);
    expect(nextDifficulty(windowWith(24), 240_000, { ...options, min: 5000 })).toBe(5000);
    // The network's difficulty, which comes in as the maximum, is stronger than the minimum.
    expect(nextDifficulty(windowWith(24), 240_000, { ...options, min: 5000, max: 7 })).toBe(7);
  });

  test("a share of an easier job counts for what it is", () => {
    const window = openWindow(1024, 0);
    countShare(window, 256);
    countShare(window, 1024);
    expect(window.load).toBe(1.25);
  });

  test("a device that was slow before it fell silent is eased from there", () => {
    const slow = { ...openWindow(64, 0), load: 1 };
    const silent = openWindow(16, 0, slow);
    expect(silent.provenDifficulty).toBe(64);
    expect(nextDifficulty(silent, 60_000, options)).toBe(4);
  });
});
