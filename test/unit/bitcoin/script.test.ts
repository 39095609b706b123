import { script as reference } from "bitcoinjs-lib";
import { describe, expect, test } from "vitest";
import {
  isPayable,
  legacySigops,
  parses,
  pushData,
  pushHeight,
  readHeight,
} from "../../../src/bitcoin/script.ts";
import { randomSource } from "../../support/random.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("the height in a coinbase", () => {
  test.each([
    [0, "00"],
    [1, "51"],
    [16, "60"],
    [17, "01 11"],
    [127, "01 7f"],
    [128, "02 8000"],
    [255, "02 ff00"],
    [256, "02 0001"],
    [32_767, "02 ff7f"],
    [32_768, "03 008000"],
    [227_931, "03 5b7a03"],
    [840_000, "03 40d10c"],
    [8_388_607, "03 ffff7f"],
    [8_388_608, "04 00008000"],
    [0x7fffffff, "04 ffffff7f"],
  ])("%d is pushed as Bitcoin Core pushes it", (height, expected) => {
    expect(pushHeight(height)).toEqual(hex(expected));
    expect(readHeight(Buffer.concat([hex(expected), Buffer.from("anything")]))).toBe(height);
  });

  test("bitcoinjs-lib writes the same numbers", () => {
    for (let height = 17; height < 20_000_000; height = Math.ceil(height * 1.3)) {
      expect(pushHeight(height)).toEqual(pushData(reference.number.encode(height)));
    }
  });

  test.each([-1, 1.5, Number.NaN, 2 ** 31])("%d is not a height", (height) => {
    expect(() => pushHeight(height)).toThrow(RangeError);
  });

  test.each([
    ["no bytes", ""],
    ["a push that is cut short", "03 0102"],
    ["a longer form than needed", "02 1100"],
    ["a number that belongs into one opcode", "01 05"],
    ["a negative number", "01 81"],
    ["a number above 2^31", "05 0000008000"],
    ["a push of six bytes", "06 010203040506"],
    ["another opcode", "6a"],
  ])("%s is not read as a height", (_, script) => {
    expect(readHeight(hex(script))).toBeUndefined();
  });
});

test.each([
  [0, "00"],
  [75, "4b"],
  [76, "4c4c"],
  [255, "4cff"],
  [256, "4d0001"],
  [65_535, "4dffff"],
])("%d bytes are pushed with the shortest opcode", (length, prefix) => {
  const script = pushData(Buffer.alloc(length, 0xac));
  expect(script.subarray(0, script.length - length)).toEqual(hex(prefix));
  expect(parses(script)).toBe(true);
  expect(legacySigops(script)).toBe(0); // data is not code
});

test("more than 65,535 bytes do not go into one push", () => {
  expect(() => pushData(Buffer.alloc(65_536))).toThrow(RangeError);
});

test.each([
  ["P2PKH", `76a914${"00".repeat(20)}88ac`, 1],
  ["P2PK", `21${"02".repeat(33)}ac`, 1],
  ["P2SH", `a914${"ac".repeat(20)}87`, 0],
  ["P2WPKH", `0014${"ac".repeat(20)}`, 0],
  ["bare multisig, whatever it says", `5121${"02".repeat(33)}51ae`, 20],
  ["CHECKSIGVERIFY and CHECKMULTISIGVERIFY", "adaf", 21],
  ["operations before a push that is cut short", "ac acac 05 acac", 3],
  ["operations inside OP_PUSHDATA4", "4e 02000000 acac ac", 1],
  ["a length of four bytes that reaches far beyond the end", "ac 4e ffffffff acac", 1],
  ["a push opcode without its length", "ac 4d 01", 1],
  ["nothing", "", 0],
])("signature operations of %s", (_, script, count) => {
  expect(legacySigops(hex(script))).toBe(count);
});

test("whatever parses here parses for bitcoinjs-lib, and the other way round", () => {
  const random = randomSource(3);
  for (let i = 0; i < 3_000; i++) {
    const script = random.bytes(random.integer(0, 12));
    expect(parses(script), script.toString("hex")).toBe(reference.decompile(script) !== null);
  }
});

test.each([
  ["nothing", "", false],
  ["OP_RETURN", "6a0401020304", false],
  ["a push that is cut short", "0014aabb", false],
  ["OP_TRUE", "51", true],
  ["P2WPKH", `0014${"11".repeat(20)}`, true],
])("%s is payable: %s → %s", (_, script, payable) => {
  expect(isPayable(hex(script))).toBe(payable);
});

test("a script too long to be spent is not payable", () => {
  expect(isPayable(Buffer.alloc(10_000, 0x51))).toBe(true);
  expect(isPayable(Buffer.alloc(10_001, 0x51))).toBe(false);
});
