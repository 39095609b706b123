import { expect, test } from "vitest";
import { idleLimitMs } from "../../../src/stratum/idle.ts";

test.each([
  ["the setting at easy difficulties", 1024, 3_600_000],
  ["eight shares' time of a slow device at hard ones", 16_384, 56_294_995],
  ["a day at most", 1e12, 86_400_000],
  ["the setting before anything was assigned", 0, 3_600_000],
])("a connection may be silent for %s", (_, difficulty, limitMs) => {
  expect(Math.round(idleLimitMs(3_600_000, difficulty))).toBe(limitMs);
});

test("a setting of more than a day holds", () => {
  expect(idleLimitMs(200_000_000, 1e12)).toBe(200_000_000);
});
