import { expect, test } from "vitest";
import { targetFromBits } from "../../../../src/bitcoin/target.ts";
import { targetFromU256, u256OfTarget } from "../../../../src/protocol/v2/target.ts";
import vectors from "../../../vectors/target_difficulty.json" with { type: "json" };

test.each(vectors.nbits_to_target)("the target of $nbits_hex goes over the wire little-endian", (vector) => {
  const target = targetFromBits(vector.nbits);
  expect(Buffer.from(u256OfTarget(target)).toString("hex")).toBe(vector.target_wire);
  expect(targetFromU256(Buffer.from(vector.target_wire, "hex"))).toEqual(target);
});

test("a target that nobody could meet is no target, and never an exception", () => {
  expect(targetFromU256(Buffer.alloc(32))).toBeUndefined();
  const bytes = Buffer.alloc(32);
  bytes.fill(0xff, 0, 16);
  expect(targetFromU256(bytes)).toBeUndefined();
  bytes.fill(0, 0, 16)[16] = 1;
  expect(targetFromU256(bytes)?.value).toBe(1n << 128n);
  expect(targetFromU256(Buffer.alloc(32, 0xff))?.value).toBe((1n << 256n) - 1n);
});
