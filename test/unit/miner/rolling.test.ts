import { expect, test } from "vitest";
import { counterBytes, LapTimes, lowestBits, spread } from "../../../src/miner/rolling.ts";

test("the lowest bits of a mask are taken, the highest bit of all among them", () => {
  expect(lowestBits(0x1fffe000, 3)).toEqual([0x2000, 0x4000, 0x8000]);
  expect(lowestBits(0x80000001, 32)).toEqual([1, 0x80000000]);
  expect(lowestBits(0, 4)).toEqual([]);
});

test("a number's digits are written into the bits, and no others", () => {
  expect(spread(0b101, [0x2000, 0x4000, 0x8000])).toBe(0xa000);
  expect(spread(0b1000, [0x2000, 0x4000, 0x8000])).toBe(0);
});

test("a counter is big-endian, and loses in front what does not fit", () => {
  expect(counterBytes(0x0102, 4)).toEqual(Buffer.of(0, 0, 1, 2));
  expect(counterBytes(2 ** 40 + 1, 2)).toEqual(Buffer.of(0, 1));
  expect(counterBytes(5, 0)).toHaveLength(0);
});

test("within a lap times are those wished for; the next lap's are later than all before", () => {
  const times = new LapTimes();
  expect([100, 105, 102].map((wished) => times.timeOf(0, wished))).toEqual([100, 105, 102]);
  expect([101, 104, 107].map((wished) => times.timeOf(1, wished))).toEqual([106, 106, 107]);
  expect(times.timeOf(2, 200)).toBe(200);
});
