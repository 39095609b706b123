import { expect, test } from "vitest";
import { apportion } from "../../../src/bitcoin/satoshis.ts";
import { randomSource } from "../../support/random.ts";

test("parts are in proportion, and what rounding leaves goes to the largest remainders", () => {
  expect(apportion(100n, [1n, 1n, 1n])).toEqual([34n, 33n, 33n]);
  expect(apportion(10n, [5n, 3n, 1n])).toEqual([6n, 3n, 1n]); // exactly 5.56, 3.33, 1.11
  expect(apportion(7n, [0n, 3n, 0n, 4n])).toEqual([0n, 3n, 0n, 4n]);
});

test("equal remainders are served in the order of the list", () => {
  expect(apportion(2n, [1n, 1n, 1n, 1n])).toEqual([1n, 1n, 0n, 0n]);
});

test("nothing to split gives nothing to anyone, with or without weights", () => {
  expect(apportion(0n, [3n, 0n])).toEqual([0n, 0n]);
  expect(apportion(0n, [0n])).toEqual([0n]);
  expect(apportion(0n, [])).toEqual([]);
});

test.each([
  ["a total without weights", 1n, [0n, 0n]],
  ["a total without anyone", 1n, []],
  ["a negative total", -1n, [1n]],
  ["a negative weight", 1n, [2n, -1n]],
  ["a negative weight though nothing is split", 0n, [-1n]],
])("%s is refused", (_, total, weights) => {
  expect(() => apportion(total, weights)).toThrow(expect.objectContaining({ code: "APPORTION_IMPOSSIBLE" }));
});

test("for any amounts, of any size: the sum is exact, no part is off by a satoshi, zero gets zero", () => {
  const random = randomSource(1);
  for (let round = 0; round < 2_000; round++) {
    const total = random.bigint(random.integer(1, 64));
    const bits = random.integer(1, 300);
    const weights = Array.from({ length: random.integer(1, 40) }, () =>
      random.integer(0, 5) === 0 ? 0n : random.bigint(bits),
    );
    const sum = weights.reduce((a, b) => a + b, 0n);
    if (sum === 0n) continue;
    const parts = apportion(total, weights);
    expect(parts.reduce((a, b) => a + b, 0n)).toBe(total);
    parts.forEach((part, i) => {
      const off = part * sum - total * weights[i]!; // times sum, so that it stays an integer
      expect(off < sum && off > -sum).toBe(true);
      if (weights[i] === 0n) expect(part).toBe(0n);
    });
  }
});

test("a larger weight never gets less than a smaller one", () => {
  const random = randomSource(2);
  for (let round = 0; round < 500; round++) {
    const weights = Array.from({ length: 20 }, () => random.bigint(130)).sort((a, b) => (a > b ? -1 : 1));
    const parts = apportion(random.bigint(40), weights);
    expect(parts).toEqual([...parts].sort((a, b) => (a > b ? -1 : a < b ? 1 : 0)));
  }
});

test("the same question has the same answer", () => {
  const weights = Array.from({ length: 1_000 }, (_, i) => BigInt(i % 7) << 100n);
  expect(apportion(312_500_001n, weights)).toEqual(apportion(312_500_001n, weights));
});
