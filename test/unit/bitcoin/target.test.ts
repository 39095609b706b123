import { describe, expect, test } from "vitest";
import { fromDisplayHash } from "../../../src/bitcoin/hash.ts";
import {
  bytesLittleEndian,
  difficultyOf,
  integerLittleEndian,
  targetFromBits,
  targetFromBytes,
  targetFromDifficulty,
  targetOf,
  workOf,
} from "../../../src/bitcoin/target.ts";
import { randomSource } from "../../support/random.ts";
import vectors from "../../vectors/target_difficulty.json" with { type: "json" };

const maxTarget = 2n ** 256n - 1n;
const outOfRange = expect.objectContaining({ code: "TARGET_OUT_OF_RANGE" });

const bigEndian = (value: bigint) => value.toString(16).padStart(64, "0");

describe("compact targets", () => {
  test.each(vectors.nbits_to_target)("$nbits_hex", ({ nbits, target_be, target_wire }) => {
    const target = targetFromBits(nbits);
    expect(bigEndian(target.value)).toBe(target_be);
    expect(Buffer.from(target.bytes).toString("hex")).toBe(target_wire);
  });

  test.each([
    [0x01120000, 0x12n],
    [0x02123400, 0x1234n << 0n],
    [0x03123456, 0x123456n],
    [0x04123456, 0x12345600n],
    [0x2100ffff, 0xffffn << 240n],
    [0x220000ff, 0xffn << 248n],
  ])("0x%s as Bitcoin Core's arith_uint256 tests expand it", (bits, value) => {
    // Targets this hard have no work that fits; their expansion shows in the error's text.
    if (value < 1n << 128n) expect(() => targetFromBits(bits)).toThrow(outOfRange);
    else expect(targetFromBits(bits).value).toBe(value);
  });

  test.each([
    ["zero", 0],
    ["a zero mantissa", 0x1d000000],
    ["a mantissa shifted out of sight", 0x01003456],
    ["a negative one", 0x1d80ffff],
    ["one over 256 bits", 0x21010000],
    ["one far over", 0xff123456],
  ])("%s is refused", (_, bits) => {
    expect(() => targetFromBits(bits)).toThrow(outOfRange);
  });
});

describe("difficulty", () => {
  test.each(vectors.pdiff_to_target)("$pdiff gives its target", ({ pdiff, target_be }) => {
    expect(bigEndian(targetFromDifficulty(pdiff).value)).toBe(target_be);
  });

  test("the target is exact for the very double, not for what it prints as", () => {
    // 0.1 is 3602879701896397 / 2^55.
    expect(targetFromDifficulty(0.1).value).toBe(((0xffffn << 208n) << 55n) / 3602879701896397n);
    expect(targetFromDifficulty(1 / 3).value).not.toBe((0xffffn << 208n) * 3n);
  });

  test("so easy that any hash meets it, the target stays within 256 bits", () => {
    expect(targetFromDifficulty(1e-12).value).toBe(maxTarget);
    expect(targetFromDifficulty(Number.MIN_VALUE).value).toBe(maxTarget);
    expect(targetFromDifficulty(Number.MIN_VALUE).work).toBe(1n);
  });

  test.each([
    0,
    -0,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    1e30,
    Number.MAX_VALUE,
  ])("%d is refused", (difficulty) => {
    expect(() => targetFromDifficulty(difficulty)).toThrow(
      expect.objectContaining({ code: "DIFFICULTY_OUT_OF_RANGE" }),
    );
  });

  test("read back from its target it is the same double, from load tests to beyond the network", () => {
    const random = randomSource(5);
    for (let i = 0; i < 2_000; i++) {
      const difficulty = (1 + random.integer(0, 2 ** 40) / 2 ** 40) * 10 ** random.integer(-9, 20);
      expect(difficultyOf(targetFromDifficulty(difficulty))).toBe(difficulty);
    }
  });

  test("a harder difficulty never has an easier target", () => {
    const random = randomSource(6);
    for (let i = 0; i < 500; i++) {
      const [a, b] = [random.integer(1, 2 ** 50) / 2 ** 20, random.integer(1, 2 ** 50) / 2 ** 20];
      const [easier, harder] = a < b ? [a, b] : [b, a];
      expect(targetFromDifficulty(easier).value >= targetFromDifficulty(harder).value).toBe(true);
    }
  });

  test("mainnet block 100,000 had difficulty 14,484.1624", () => {
    expect(difficultyOf(targetFromBits(0x1b04864c))).toBeCloseTo(14484.162361, 6);
  });

  test("target zero, which nothing meets, is infinitely difficult", () => {
    expect(difficultyOf({ ...targetOf(maxTarget), value: 0n })).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("work", () => {
  test.each([
    [maxTarget, 1n],
    [maxTarget >> 1n, 2n],
    [0xffffn << 208n, 0x100010001n], // difficulty 1, as in every node's chain work of block 0
    [1n << 128n, 2n ** 128n - 1n],
  ])("of target %d", (target, work) => {
    expect(workOf(target)).toBe(work);
    expect(integerLittleEndian(targetOf(target).workBytes)).toBe(work);
  });

  test.each([-1n, 0n, (1n << 128n) - 1n, maxTarget + 1n])("target %d is refused", (target) => {
    expect(() => targetOf(target)).toThrow(outOfRange);
  });
});

test("bytes of a target are those of a hash: a hash just at the target is the same integer", () => {
  const display = "00000000000000000003255b0000000000000000000000000000000000000000";
  const target = targetFromBits(0x1703255b);
  expect(Buffer.from(target.bytes)).toEqual(fromDisplayHash(display));
  expect(targetFromBytes(fromDisplayHash(display))).toEqual(target);
});

test("integers round-trip through little-endian bytes, and do not lose their top silently", () => {
  const random = randomSource(7);
  for (let i = 0; i < 200; i++) {
    const value = random.bigint(random.integer(1, 256));
    expect(integerLittleEndian(bytesLittleEndian(value, 32))).toBe(value);
  }
  expect(() => bytesLittleEndian(256n, 1)).toThrow(RangeError);
});
