import { expect, test } from "vitest";
import { targetFromBits, targetFromDifficulty, targetOf } from "../../../src/bitcoin/target.ts";
import { DifficultyTable, networkDifficulty, powerOfTwoAtLeast } from "../../../src/stratum/difficulty.ts";
import { randomSource } from "../../support/random.ts";

/** The next double above. */
function nextAbove(value: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigUint64(0, view.getBigUint64(0) + 1n);
  return view.getFloat64(0);
}

test.each([0x1d00ffff, 0x207fffff, 0x1e0377ae, 0x17034267, 0x1b0404cb, 0x170b98ab])(
  "for bits %i it is the highest double whose target covers the network's",
  (bits) => {
    const network = targetFromBits(bits);
    const difficulty = networkDifficulty(network);
    expect(targetFromDifficulty(difficulty).value).toBeGreaterThanOrEqual(network.value);
    expect(targetFromDifficulty(nextAbove(difficulty)).value).toBeLessThan(network.value);
  },
);

test("the same holds for a thousand random targets", () => {
  const random = randomSource(3);
  for (let i = 0; i < 1000; i++) {
    const network = targetOf(random.bigint(random.integer(140, 255)) + 1n);
    const difficulty = networkDifficulty(network);
    expect(targetFromDifficulty(difficulty).value >= network.value).toBe(true);
    expect(targetFromDifficulty(nextAbove(difficulty)).value < network.value).toBe(true);
  }
});

test.each([
  [1, 1],
  [1.5, 2],
  [2, 2],
  [nextAbove(2), 4],
  [0.00015, 2 ** -12],
  [2 ** -30, 2 ** -30],
  [3e14, 2 ** 49],
])("the power of two at least %d is %d", (value, power) => {
  expect(powerOfTwoAtLeast(value)).toBe(power);
});

test("every power of two is its own", () => {
  for (let exponent = -1000; exponent <= 1000; exponent++)
    expect(powerOfTwoAtLeast(2 ** exponent)).toBe(2 ** exponent);
});

test("the table gives the very same target for the same difficulty, and does not grow without bound", () => {
  const table = new DifficultyTable();
  expect(table.target(1024)).toBe(table.target(1024));
  expect(table.network(0x1d00ffff)).toBe(1);
  for (let difficulty = 1; difficulty < 5000; difficulty++) table.target(difficulty);
  expect(table.target(1024)).toEqual(targetFromDifficulty(1024));
});
