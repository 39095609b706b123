import { expect, test } from "vitest";
import { Malformed } from "../../../../src/protocol/malformed.ts";
import { encodeTlvs } from "../../../../src/protocol/v2/tlv.ts";
import { decodeUserIdentity, encodeUserIdentity } from "../../../../src/protocol/v2/worker-tracking.ts";

test("a worker's name of up to 32 bytes is read as it was written", () => {
  for (const name of ["Worker_001", "é", "", "x".repeat(32)])
    expect(decodeUserIdentity(encodeUserIdentity(name))).toBe(name);
});

test("the specification's own big-endian example is read too", () => {
  expect(decodeUserIdentity(Buffer.from("000201000a576f726b65725f303031", "hex"))).toBe("Worker_001");
});

test("a name that is missing is undefined", () => {
  expect(decodeUserIdentity(Buffer.alloc(0))).toBeUndefined();
  expect(decodeUserIdentity(Buffer.from("0300010000", "hex"))).toBeUndefined();
});

test("a name of more than 32 bytes is malformed, and never written", () => {
  const value = Buffer.alloc(33, "x");
  expect(decodeUserIdentity(encodeTlvs([{ extensionType: 2, fieldType: 1, value }]))).toBeInstanceOf(
    Malformed,
  );
  expect(() => encodeUserIdentity("x".repeat(33))).toThrow(RangeError);
});
