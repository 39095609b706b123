import { expect, test } from "vitest";
import { targetFromDifficulty } from "../../../../src/bitcoin/target.ts";
import { Malformed } from "../../../../src/protocol/malformed.ts";
import { decodeSuggestTarget } from "../../../../src/protocol/v1/suggest-target.ts";
import { randomSource } from "../../../support/random.ts";

test.each([
  ["00000000ffff0000000000000000000000000000000000000000000000000000", 1],
  ["ffff0000000000000000000000000000000000000000000000000000", 1],
  ["00000000FFFF0000000000000000000000000000000000000000000000000000", 1],
  ["000000007fff8000000000000000000000000000000000000000000000000000", 2],
  [`${"0".repeat(8)}ffff${"0".repeat(51)}1`, 1 - 2 ** -53],
  ["f".repeat(64), 0xffff / 2 ** 48],
])("the target %s is the difficulty %d", (text, difficulty) => {
  expect(decodeSuggestTarget([text])).toBe(difficulty);
});

test("a target that no chain has is the hardest that one can have", () => {
  expect(decodeSuggestTarget(["1"])).toBe(decodeSuggestTarget([(1n << 132n).toString(16)]));
});

test("the difficulty is not harder than the target asks for, and the next double is", () => {
  const random = randomSource(4);
  for (let round = 0; round < 5000; round++) {
    const value = (1n << 133n) | random.bigint(random.integer(134, 256));
    const difficulty = decodeSuggestTarget([value.toString(16)]) as number;
    expect(targetFromDifficulty(difficulty).value).toBeGreaterThanOrEqual(value);
    // 2^-52 of a number is at most two steps of its doubles.
    expect(targetFromDifficulty(difficulty * (1 + 2 ** -52)).value).toBeLessThan(value);
  }
});

test.each([
  [undefined],
  [null],
  [1],
  [""],
  ["0"],
  ["0".repeat(64)],
  ["0".repeat(64).concat("1")],
  ["0xff"],
  ["-1"],
  [" 1"],
  ["1\n"],
  ["g"],
  [["ff"]],
])("the target %j is malformed", (value) => {
  expect(decodeSuggestTarget(value === undefined ? [] : [value])).toBeInstanceOf(Malformed);
});
