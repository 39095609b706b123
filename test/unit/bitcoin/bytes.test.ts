import { expect, test } from "vitest";
import {
  ByteReader,
  encodeVarint,
  fromHex,
  toHex,
  u32LittleEndian,
  u64LittleEndian,
} from "../../../src/bitcoin/bytes.ts";

const malformed = expect.objectContaining({ code: "BYTES_MALFORMED" });

test("hex is read in either case and written in lower case", () => {
  expect(toHex(fromHex("00fFaB")!)).toBe("00ffab");
  expect(fromHex("")).toHaveLength(0);
});

test.each(["0", "0x00", "zz", "00 ", "0\n", "00\n", "é0"])("%j is not hex", (text) => {
  expect(fromHex(text)).toBeUndefined();
});

test.each([
  [0, "00"],
  [0xfc, "fc"],
  [0xfd, "fdfd00"],
  [0xffff, "fdffff"],
  [0x10000, "fe00000100"],
  [0xffffffff, "feffffffff"],
  [0x100000000, "ff0000000001000000"],
  [Number.MAX_SAFE_INTEGER, "ffffffffffffff1f00"],
])("the count %d is written as %s, and read back", (value, hex) => {
  expect(encodeVarint(value).toString("hex")).toBe(hex);
  expect(new ByteReader(Buffer.from(hex, "hex")).varint()).toBe(value);
});

test.each([-1, 0.5, Number.NaN, 2 ** 53])("%d is refused as a count", (value) => {
  expect(() => encodeVarint(value)).toThrow(RangeError);
});

test.each(["fdfc00", "feffff0000", "ffffffffff00000000", "ffffffffffffffffff"])(
  "a count in a longer form than needed, or above 2^53, is refused: %s",
  (hex) => {
    expect(() => new ByteReader(Buffer.from(hex, "hex")).varint()).toThrow(malformed);
  },
);

test("integers are little-endian", () => {
  const reader = new ByteReader(
    Buffer.concat([u32LittleEndian(0x01020304), u64LittleEndian(0x0102030405060708n)]),
  );
  expect(reader.u32()).toBe(0x01020304);
  expect(reader.u64()).toBe(0x0102030405060708n);
  expect(reader.remaining).toBe(0);
});

test("no method reads past the end", () => {
  const reads = [
    (r: ByteReader) => r.take(3),
    (r: ByteReader) => r.u32(),
    (r: ByteReader) => r.u64(),
    (r: ByteReader) => r.varbytes(),
    (r: ByteReader) => r.count(1),
  ];
  for (const read of reads) expect(() => read(new ByteReader(Buffer.of(2, 0)))).toThrow(malformed);
  expect(() => new ByteReader(Buffer.alloc(0)).u8()).toThrow(malformed);
  expect(() => new ByteReader(Buffer.alloc(0)).peek()).toThrow(malformed);
});
