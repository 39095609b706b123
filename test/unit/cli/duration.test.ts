import { expect, test } from "vitest";
import { parseDuration, printDuration } from "../../../src/cli/duration.ts";

test.each([
  ["90s", 90],
  ["5m", 300],
  ["1h", 3600],
  ["2d", 172_800],
  ["1.5h", 5400],
  ["0s", 0],
])("%s is %d seconds", (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test.each(["", "5", "m", "-1m", "1 h", "1w", "1h30m", "1e3s", ".5h", "0x1s", "9999999999s"])(
  "%j is no duration",
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

test.each([
  [0, "0s"],
  [-5, "0s"],
  [0.2, "1s"],
  [29, "29s"],
  [60, "1m"],
  [3599, "59m 59s"],
  [3600, "1h"],
  [5400, "1h 30m"],
  [90_061, "1d 1h"],
])("%d seconds are %s", (seconds, text) => {
  expect(printDuration(seconds)).toBe(text);
});
