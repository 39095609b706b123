import { expect, test } from "vitest";
import { Malformed } from "../../../../src/protocol/malformed.ts";
import * as fields from "../../../../src/protocol/v2/fields.ts";

const bytes = (hex: string) => Buffer.from(hex, "hex");
const read = <Value>(field: fields.Field<Value>, from: Buffer) =>
  field.read(new fields.FieldReader(from), "thing");
const detail = <Value>(field: fields.Field<Value>, from: Buffer) => (read(field, from) as Malformed).detail;

test("only the lowest bit of a BOOL counts", () => {
  expect(read(fields.bool, bytes("01"))).toBe(true);
  expect(read(fields.bool, bytes("ff"))).toBe(true);
  expect(read(fields.bool, bytes("fe"))).toBe(false);
});

test("numbers are little-endian", () => {
  expect(read(fields.u16, bytes("0102"))).toBe(0x0201);
  expect(read(fields.u24, bytes("010203"))).toBe(0x030201);
  expect(read(fields.u32, bytes("ffffffff"))).toBe(0xffffffff);
  expect(read(fields.u64, bytes("0100000000000080"))).toBe((1n << 63n) + 1n);
  expect(read(fields.f32, bytes("0000803f"))).toBe(1);
  expect(read(fields.f32, bytes("0000c07f"))).toBeNaN();
});

test("lengths beyond the bytes or the type's bound are malformed, and the sentence names the field", () => {
  expect(detail(fields.b0_32, bytes(`21${"00".repeat(33)}`))).toBe(
    "thing has 33 bytes, at most 32 are allowed",
  );
  expect(detail(fields.b0_64k, bytes("0200aa"))).toBe("thing is cut short: 2 bytes wanted, 1 left");
  expect(detail(fields.b0_16m, bytes("ffffff00"))).toBe("thing is cut short: 16777215 bytes wanted, 1 left");
  expect(detail(fields.seq0_64k(fields.u256), bytes("ffff"))).toMatch(/^thing is cut short: 2097120/);
  expect(detail(fields.option(fields.u32), bytes("0200000000"))).toBe("thing is optional, but has 2 values");
});

test("control characters in a text are malformed, in an unconstrained one they pass", () => {
  for (const control of ["00", "0a", "1f", "7f", "c285"]) {
    const text = Buffer.concat([Buffer.of(control.length / 2), bytes(control)]);
    expect(detail(fields.str0_255, text)).toBe("thing has a control character");
    expect(read(fields.unconstrained0_255, text)).toBe(bytes(control).toString());
  }
});

test("bytes that are no UTF-8 become the replacement character", () => {
  expect(read(fields.str0_255, bytes("0261ff"))).toBe("a\ufffd");
});

test("values that do not fit are ours to avoid: writing them throws", () => {
  const room = Buffer.alloc(70_000);
  expect(() => fields.u32.write(room, 0, 2 ** 32)).toThrow(RangeError);
  expect(() => fields.u256.write(room, 0, Buffer.alloc(31))).toThrow(RangeError);
  expect(() => fields.b0_32.write(room, 0, Buffer.alloc(33))).toThrow(RangeError);
  expect(() => fields.str0_255.write(room, 0, "é".repeat(128))).toThrow(RangeError);
  expect(() => fields.seq0_255(fields.u8).write(room, 0, new Array(256).fill(0))).toThrow(RangeError);
});

test("what is read is malformed, never an exception, when nothing is left", () => {
  for (const field of [fields.u8, fields.u64, fields.u256, fields.str0_255, fields.b0_16m])
    expect(read(field as fields.Field<unknown>, Buffer.alloc(0))).toBeInstanceOf(Malformed);
});
