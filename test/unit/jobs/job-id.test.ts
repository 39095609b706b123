import { expect, test } from "vitest";
import { formatJobId, maxVariant, parseJobId } from "../../../src/jobs/job-id.ts";

test.each([
  [0, 0, "000000000000"],
  [1, 0, "000000000100"],
  [0xabcdef, 0x1f, "0000abcdef1f"],
  [2 ** 40 - 1, maxVariant, "ffffffffffff"],
])("job %d, variant %d is %s on the wire, and read back", (number, variant, text) => {
  expect(formatJobId(number, variant)).toBe(text);
  expect(parseJobId(text)).toEqual({ number, variant });
});

test.each([
  "",
  "1",
  "00000000010",
  "0000000001000",
  "0000abcdeF1f",
  "0x0000000100",
  " 00000000100",
  "00000000010\n",
  "000000000100\n",
  "00000000010g",
  "__proto__",
  "constructor",
  "-00000000100",
])("%j is no job id", (text) => {
  expect(parseJobId(text)).toBeUndefined();
});
