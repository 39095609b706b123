import { expect, test } from "vitest";
import { subsidyAt } from "../../../src/bitcoin/subsidy.ts";

test.each([
  [0, 5_000_000_000n],
  [209_999, 5_000_000_000n],
  [210_000, 2_500_000_000n],
  [839_999, 625_000_000n],
  [840_000, 312_500_000n],
  [6_929_999, 1n],
  [6_930_000, 0n],
  [13_440_000, 0n],
  [2 ** 31 - 1, 0n],
])("at height %d mainnet creates %d satoshi", (height, satoshi) => {
  expect(subsidyAt(height, "mainnet")).toBe(satoshi);
  expect(subsidyAt(height, "signet")).toBe(satoshi);
  expect(subsidyAt(height, "testnet4")).toBe(satoshi);
});

test("regtest halves every 150 blocks", () => {
  expect(subsidyAt(149, "regtest")).toBe(5_000_000_000n);
  expect(subsidyAt(150, "regtest")).toBe(2_500_000_000n);
  expect(subsidyAt(33 * 150, "regtest")).toBe(0n);
});

test("mainnet never creates more than 20,999,999.9769 bitcoin", () => {
  let sum = 0n;
  for (let height = 0; height <= 6_930_000; height += 210_000) sum += 210_000n * subsidyAt(height, "mainnet");
  expect(sum).toBe(2_099_999_997_690_000n);
});
