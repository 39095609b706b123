import { expect, test } from "vitest";
import { feeMillionths, payees, windowThousandths, workerCount } from "../../../src/config/index.ts";
import { configOf, mainnetAddress, minimal } from "./builders.ts";

const taproot = "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0";
const pool = (settings: object) => configOf(minimal({ pool: { address: mainnetAddress, ...settings } }));

test.each([
  [0, 0],
  [1, 10_000],
  [0.0001, 1],
  [0.3, 3_000],
  [2.2999, 22_999],
  [100, 1_000_000],
])("a fee of %d percent is %d millionths", (feePercent, millionths) => {
  expect(feeMillionths(pool({ feePercent }))).toBe(millionths);
});

test.each([
  [4, 4_000],
  [0.001, 1],
  [1.005, 1_005],
])("a window of %d is %d thousandths", (windowMultiple, thousandths) => {
  expect(windowThousandths(configOf(minimal({ pplns: { windowMultiple } })))).toBe(thousandths);
});

test("auto leaves one core to the primary, and is never less than one worker", () => {
  const config = configOf(minimal());
  expect([1, 2, 8].map((cores) => workerCount(config, cores))).toEqual([1, 1, 7]);
  expect(workerCount(configOf(minimal({ stratum: { workers: 3 } })), 1)).toBe(3);
});

test("the parts of the payees make a whole", () => {
  expect(payees(pool({}))).toEqual([{ address: mainnetAddress, millionths: 1_000_000 }]);
  expect(payees(pool({ split: [{ address: taproot, percent: 33.3333 }] }))).toEqual([
    { address: mainnetAddress, millionths: 666_667 },
    { address: taproot, millionths: 333_333 },
  ]);
});
