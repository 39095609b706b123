import { describe, expect, test } from "vitest";
import type { VardiffWindow } from "../../../src/stratum/vardiff.ts";
import { countShare, nextDifficulty, openWindow, reopenWindow } from "../../../src/stratum/vardiff.ts";

/** Six shares a minute: one is due every ten seconds. */
const bounds = { min: 0.00001, max: 1_000_000_000, sharesPerMinute: 6 };

/** @param load shares counted so far. */
const aWindow = (load: number, difficulty = 1024): VardiffWindow => ({
  ...openWindow(difficulty, 0),
  load,
});

const minutes = (count: number) => count * 60_000;

/** A device that has reported exactly at the aim for an hour. */
function aSettledWindow(difficulty = 1024): VardiffWindow {
  let window = openWindow(difficulty, minutes(-60));
  for (let minute = -59; minute <= 0; minute++) {
    for (let share = 0; share < 6; share++) countShare(window, difficulty);
    window = openWindow(difficulty, minutes(minute), window);
  }
  return window;
}

const withLoad = (window: VardiffWindow, load: number): VardiffWindow => ({ ...window, load });

describe("counting", () => {
  test("a share of an easier job counts for what it is", () => {
    const window = openWindow(1024, 0);
    countShare(window, 256);
    countShare(window, 1024);
    expect(window.load).toBe(1.25);
  });

  test("what was counted outlives a small change, at the difficulty that it was counted at", () => {
    const after = openWindow(2048, minutes(1), aWindow(12));
    expect(after).toMatchObject({ load: 0, sinceMs: minutes(1), shares: 12, provenDifficulty: 1024 });
    expect(after.exposure).toBe(minutes(1) / 1024);
  });

  test("what was counted fades to a third in a quarter of an hour", () => {
    const before = { ...reopenWindow(1024, 0), shares: 90, exposure: 900 };
    const after = openWindow(1024, minutes(15), before);
    expect(after.shares).toBeCloseTo(90 / Math.E);
    expect(after.exposure).toBeCloseTo(900 / Math.E + minutes(15) / 1024);
  });

  test("a change by four or more forgets all but the window, and takes a flood for no more than eight shares", () => {
    const before = { ...aSettledWindow(), load: 80 };
    const after = openWindow(65_536, 1000, before);
    expect(after.shares).toBe(8);
    expect(after.exposure).toBeCloseTo(1000 / 1024 / 10);
    expect(after.guessedMs).toBe(1000);
    expect(openWindow(256, minutes(4), withLoad(before, 3)).shares).toBe(3);
    // Silence at an easy difficulty is no word against a suggestion of a hard one.
    expect(openWindow(65_536, minutes(4), withLoad(before, 0))).toMatchObject({ shares: 0, exposure: 0 });
  });

  test("an idle connection costs one small object of numbers", () => {
    expect(Object.values(openWindow(1024, 0)).every((value) => typeof value === "number")).toBe(true);
    expect(Object.keys(aSettledWindow()).sort()).toEqual(Object.keys(openWindow(1024, 0)).sort());
  });
});

describe("floods", () => {
  test("a dozen shares that come much too fast raise at once, to half the estimate", () => {
    expect(nextDifficulty(aWindow(11), 1000, bounds)).toBeUndefined();
    expect(nextDifficulty(aWindow(12), 1000, bounds)).toBe(1024 * 64);
    expect(nextDifficulty(aWindow(48), 1000, bounds)).toBe(1024 * 256);
  });

  test("a rise is at most 1,024-fold", () => {
    expect(nextDifficulty(aWindow(1e9), 1000, bounds)).toBe(1024 * 1024);
  });

  test("a burst is spread over a second at least", () => {
    expect(nextDifficulty(aWindow(12), 0, bounds)).toBe(nextDifficulty(aWindow(12), 1000, bounds));
  });

  test("a settled device that becomes a fast one is answered as soon", () => {
    expect(nextDifficulty(withLoad(aSettledWindow(), 48), 1000, bounds)).toBe(1024 * 256);
  });

  test("a dozen shares in half a minute may be luck", () => {
    expect(nextDifficulty(withLoad(aSettledWindow(), 12), 30_000, bounds)).toBeUndefined();
  });
});

describe("steps", () => {
  test("a first difficulty is a guess and gives way to the nearest power of two after two minutes", () => {
    expect(nextDifficulty(aWindow(24), minutes(2) - 1, bounds)).toBeUndefined();
    expect(nextDifficulty(aWindow(24), minutes(2), bounds)).toBe(2048);
    expect(nextDifficulty(aWindow(5), minutes(2), bounds)).toBe(512);
    expect(nextDifficulty(aWindow(12), minutes(2), bounds)).toBe(1024);
  });

  test("the same counts do not move a settled device", () => {
    for (const load of [24, 5])
      expect([undefined, 1024]).toContain(
        nextDifficulty(withLoad(aSettledWindow(), load), minutes(2), bounds),
      );
  });

  test("a settled device that is half as fast is followed when that is beyond doubt", () => {
    let window = aSettledWindow();
    let minute = 0;
    for (; window.difficulty === 1024 && minute < 60; minute++) {
      for (let share = 0; share < 3; share++) countShare(window, 1024);
      const next = nextDifficulty(window, minutes(minute + 1), bounds);
      if (next !== undefined) window = openWindow(next, minutes(minute + 1), window);
    }
    expect(window.difficulty).toBe(512);
    expect(minute).toBeGreaterThan(10);
    expect(minute).toBeLessThan(45);
  });

  test("a window that agrees joins the history after half a minute, one that does not goes on", () => {
    expect(nextDifficulty(aWindow(3), 29_999, bounds)).toBeUndefined();
    expect(nextDifficulty(aWindow(3), 30_000, bounds)).toBe(1024);
    expect(nextDifficulty(withLoad(aSettledWindow(), 7), 30_000, bounds)).toBeUndefined();
    expect(nextDifficulty(withLoad(aSettledWindow(), 14), minutes(4), bounds)).toBe(1024);
  });

  test("a fall is at most to a quarter", () => {
    expect(nextDifficulty(withLoad(aSettledWindow(), 1), minutes(4), bounds)).toBe(256);
    expect(nextDifficulty(aWindow(1), minutes(5), bounds)).toBe(256);
  });

  test("fine steps have two digits and follow a smaller difference", () => {
    const fine = { ...bounds, step: "fine" } as const;
    expect(nextDifficulty(aWindow(18), minutes(2), fine)).toBe(1500);
    expect(nextDifficulty(aWindow(14), minutes(2) + 20_000, fine)).toBe(1024);
    expect(nextDifficulty(aWindow(18), minutes(2), { ...fine, step: "power-of-two" })).not.toBe(1500);
  });
});

describe("silence", () => {
  test("a device that was never heard is tried far below after six shares' time, and then every two", () => {
    expect(nextDifficulty(aWindow(0), 19_999, bounds)).toBeUndefined();
    expect(nextDifficulty(aWindow(0), 59_999, bounds)).toBe(1024);
    expect(nextDifficulty(aWindow(0), 60_000, bounds)).toBe(16);
    const second = openWindow(16, 60_000, aWindow(0));
    expect(nextDifficulty(second, 79_999, bounds)).toBeUndefined();
    expect(nextDifficulty(second, 80_000, bounds)).toBe(0.25);
  });

  test("a suggestion right after the connection does not shorten the first silence", () => {
    const suggested = openWindow(0.25, 50, aWindow(0));
    expect(nextDifficulty(suggested, 59_000, bounds)).toBe(0.25);
    expect(nextDifficulty(suggested, 60_000, bounds)).toBe(2 ** -8);
  });

  test("before its first share an ASIC that tunes itself is not eased below its floor", () => {
    const asic = { ...bounds, floorBeforeFirstShare: 512 };
    expect(nextDifficulty(aWindow(0), 60_000, asic)).toBe(512);
    const eased = openWindow(512, 60_000, aWindow(0));
    expect(nextDifficulty(eased, minutes(5), asic)).toBe(512);
    expect(nextDifficulty(aWindow(0, 256), minutes(4), asic)).toBe(256);
  });

  test("the silence before a first share is not held against it", () => {
    const asic = { ...bounds, floorBeforeFirstShare: 1024 };
    let window = openWindow(1024, 0);
    for (let second = 1; second <= 240; second++) {
      const next = nextDifficulty(window, second * 1000, asic);
      if (next !== undefined) window = openWindow(next, second * 1000, window);
    }
    expect(window).toMatchObject({ difficulty: 1024, shares: 0, exposure: 0 });
    countShare(window, 1024);
    expect(nextDifficulty(window, 245_000, asic)).toBeUndefined();
  });

  test("after its first share the floor is the bound's alone", () => {
    const asic = { ...bounds, floorBeforeFirstShare: 1024 };
    expect(nextDifficulty(aSettledWindow(), minutes(2), asic)).toBe(256);
  });

  test("a settled device is eased when nine shares are missing, not when six are", () => {
    expect(nextDifficulty(aSettledWindow(), 60_000, bounds)).not.toBe(256);
    expect(nextDifficulty(aSettledWindow(), 84_000, bounds)).not.toBe(256);
    expect(nextDifficulty(aSettledWindow(), 85_000, bounds)).toBe(256);
  });

  test("a night of silence eases by 1,024 and no further", () => {
    let window = aSettledWindow();
    const seen = new Set<number>();
    for (let second = 1; second < 10 * 3600; second++) {
      const next = nextDifficulty(window, second * 1000, bounds);
      if (next === undefined) continue;
      window = openWindow(next, second * 1000, window);
      seen.add(next);
    }
    expect([...seen]).toEqual([256, 64, 16, 4, 1]);
    // The first share of the morning is not taken for the night's only one.
    countShare(window, 1);
    expect([undefined, 1]).toContain(nextDifficulty(window, window.sinceMs + 25_000, bounds));
  });

  test("a remembered difficulty counts as proven", () => {
    const remembered = reopenWindow(1024, 0);
    expect(nextDifficulty(remembered, 60_000, bounds)).not.toBe(16);
    expect(nextDifficulty(remembered, 85_000, bounds)).toBe(256);
    expect(nextDifficulty({ ...reopenWindow(1024, 0), difficulty: 1 }, minutes(10), bounds)).toBe(1);
  });
});

test("the bounds hold at once, also when they have moved, and the network's is the strongest", () => {
  expect(nextDifficulty(aWindow(100), 1000, { ...bounds, max: 2000 })).toBe(2000);
  expect(nextDifficulty(aWindow(0), 60_000, { ...bounds, min: 1000 })).toBe(1000);
  expect(nextDifficulty(aWindow(0), 0, { ...bounds, max: 500 })).toBe(500);
  expect(nextDifficulty(aWindow(0), 0, { ...bounds, min: 5000 })).toBe(5000);
  expect(nextDifficulty(aWindow(0), 0, { ...bounds, min: 5000, max: 7 })).toBe(7);
  // At its bound a window ends and none is opened elsewhere.
  expect(nextDifficulty(aWindow(1e6), minutes(4), { ...bounds, max: 1024 })).toBe(1024);
});
