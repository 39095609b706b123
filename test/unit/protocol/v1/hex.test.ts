import { expect, test } from "vitest";
import { hexBytes, hexNumber, hexOfBytes, hexOfNumber } from "../../../../src/protocol/v1/hex.ts";

test.each([
  ["0", 0],
  ["a", 10],
  ["A", 10],
  ["7d0", 2000],
  ["00000001", 1],
  ["ffffffff", 0xffffffff],
  ["FFfFfFFF", 0xffffffff],
  ["80000000", 0x80000000],
])("%j is the number %d", (text, value) => {
  expect(hexNumber(text)).toBe(value);
});

test.each(["", "000000001", "g", "0x1", " 1", "1 ", "+1", "-1", "1\n", "1.0", "ａ", "1\u0000", "é"])(
  "%j is no hex number",
  (text) => {
    expect(hexNumber(text)).toBe(-1);
  },
);

test("bytes have exactly two digits each, in either case", () => {
  expect(hexBytes("00ff10Ab", 4)).toEqual(Uint8Array.of(0, 255, 16, 0xab));
  for (const text of [
    "",
    "00ff10a",
    "00ff10abc",
    "00ff10ab00",
    "00ff10ag",
    "0x00ff10",
    "00 ff 10",
    "00ff１０",
  ]) {
    expect(hexBytes(text, 4)).toBeUndefined();
  }
});

test("what is written is read back", () => {
  for (const value of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
    expect(hexOfNumber(value)).toHaveLength(8);
    expect(hexNumber(hexOfNumber(value))).toBe(value);
  }
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  expect(hexBytes(hexOfBytes(bytes), 256)).toEqual(bytes);
  expect(hexOfBytes(bytes.subarray(16, 18))).toBe("1011");
});
