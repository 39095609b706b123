import { expect, test } from "vitest";
import { measureHashRate } from "../../../src/miner/hash-rate.ts";
import { aClock } from "../../support/clock.ts";

test("a rate is measured over as many hashes as take long enough", () => {
  const clock = aClock();
  const hashesPerMs = 10_000;
  const counts: number[] = [];
  const addon = {
    scanNonces(_: Uint8Array, __: Uint8Array, ___: number, count: number) {
      counts.push(count);
      clock.advance(count / hashesPerMs);
      return -1;
    },
  };
  expect(measureHashRate(addon, clock)).toBeCloseTo(10_000_000);
  expect(counts).toEqual([1 << 14, 1 << 15, 1 << 16, 1 << 17]);
});
