import { expect, test } from "vitest";
import { versionMaskOf } from "../../../../src/stratum/v2/version-mask.ts";

test.each([
  [0, 0],
  [0x1fffe000, 0x1fffffe0],
  [0x20000001, 0x3fffffe1],
  [0xe0000000, 0xffffffe0],
])("with the mask %i for V1, miners of V2 may change the bits of %i", (configured, mask) => {
  expect(versionMaskOf(configured)).toBe(mask);
});
