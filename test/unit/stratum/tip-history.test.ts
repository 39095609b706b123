import { expect, test } from "vitest";
import { TipHistory } from "../../../src/stratum/tip-history.ts";

test("only the first job on a tip is new", () => {
  const tips = new TipHistory();
  expect(tips.sent(5, 0)).toBe(true);
  expect(tips.sent(5, 10)).toBe(false);
  expect(tips.isNew(6)).toBe(true);
  expect(tips.sent(6, 20)).toBe(true);
  expect(tips.sent(5, 30)).toBe(false);
});

test("a tip is stale when it was replaced longer than the grace ago, counted from its own replacement", () => {
  const tips = new TipHistory();
  tips.sent(1, 0);
  expect(tips.isStale(1, 1_000_000, 3000)).toBe(false);
  tips.sent(2, 10_000);
  tips.sent(3, 12_000);
  expect(tips.isStale(1, 13_000, 3000)).toBe(false);
  expect(tips.isStale(1, 13_001, 3000)).toBe(true);
  expect(tips.isStale(2, 13_001, 3000)).toBe(false);
  expect(tips.isStale(2, 15_001, 3000)).toBe(true);
  expect(tips.isStale(3, 15_001, 3000)).toBe(false);
});

test("without a grace a replaced tip is stale the moment after", () => {
  const tips = new TipHistory();
  tips.sent(1, 0);
  tips.sent(2, 10);
  expect(tips.isStale(1, 11, 0)).toBe(true);
});

test("tips without end are remembered up to a bound, and old ones stay stale", () => {
  const tips = new TipHistory();
  for (let tip = 1; tip <= 1000; tip++) tips.sent(tip, tip * 10);
  expect(tips.isStale(1, 20_000, 3000)).toBe(true);
  expect(tips.isStale(1000, 20_000, 3000)).toBe(false);
});
