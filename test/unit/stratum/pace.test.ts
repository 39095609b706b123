import { expect, test } from "vitest";
import { sharesPerMinuteFor, staleGraceMsFor } from "../../../src/stratum/pace.ts";

test("a good link, or one that was not measured yet, gets the whole share rate", () => {
  for (const rttMs of [undefined, Number.NaN, -1, 0, 40, 300]) expect(sharesPerMinuteFor(6, rttMs)).toBe(6);
});

test("a satellite gets half of it, a link that is slower still a quarter, and none less", () => {
  expect(sharesPerMinuteFor(6, 301)).toBe(3);
  expect(sharesPerMinuteFor(6, 600)).toBe(3);
  expect(sharesPerMinuteFor(6, 601)).toBe(1.5);
  expect(sharesPerMinuteFor(6, Number.POSITIVE_INFINITY)).toBe(1.5);
});

test("the stale grace grows by two round-trips and by ten seconds at most", () => {
  for (const rttMs of [undefined, Number.NaN, -1, 0]) expect(staleGraceMsFor(3000, rttMs)).toBe(3000);
  expect(staleGraceMsFor(3000, 40)).toBe(3080);
  expect(staleGraceMsFor(3000, 5000)).toBe(13_000);
  expect(staleGraceMsFor(3000, 60_000)).toBe(13_000);
  expect(staleGraceMsFor(0, 500)).toBe(1000);
});
