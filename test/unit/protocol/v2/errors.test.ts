import { expect, test } from "vitest";
import { reasonNames } from "../../../../src/protocol/reasons.ts";
import * as errors from "../../../../src/protocol/v2/errors.ts";

test("every refusal has its code", () => {
  const codes = reasonNames.map((reason) => [reason, errors.submitErrorCode(reason, true)]);
  expect(Object.fromEntries(codes)).toEqual({
    "job-not-found": "invalid-job-id",
    stale: "stale-share",
    duplicate: "duplicate-share",
    "low-difficulty": "difficulty-too-low",
    unauthorized: "invalid-share",
    "not-subscribed": "invalid-share",
    malformed: "invalid-share",
    "ntime-out-of-range": "invalid-share",
    "version-bits-not-allowed": "invalid-non-rollable-version-bit",
    unavailable: "invalid-share",
  });
  expect(errors.submitErrorCode("version-bits-not-allowed", false)).toBe("version-rolling-not-allowed");
});

test("codes are short words of printable ASCII", () => {
  const { setupErrorCodes, openErrorCodes, updateErrorCodes, submitErrorCodes, customJobErrorCodes } = errors;
  const lists = [setupErrorCodes, openErrorCodes, updateErrorCodes, submitErrorCodes, customJobErrorCodes];
  for (const code of lists.flat()) expect(code).toMatch(/^[a-z]+(-[a-z]+)+$/);
});
