import { expect, test } from "vitest";
import { Waiting } from "../../../src/ledger/waiting.ts";

const at = (sequence: number, epoch = 1) => ({ node: "0-1", epoch, sequence });

test("what waits is as old as the announcement of its oldest record", () => {
  const waiting = new Waiting();
  expect(waiting.sinceMs).toBe(undefined);
  waiting.announce(at(10), 100);
  waiting.announce(at(20), 200);
  waiting.reach(at(9));
  expect(waiting.sinceMs).toBe(100);
  waiting.reach(at(10));
  expect(waiting.sinceMs).toBe(200);
  waiting.reach(at(20));
  expect(waiting.sinceMs).toBe(undefined);
});

test("a new epoch comes after the end of the one before", () => {
  const waiting = new Waiting();
  waiting.announce(at(10), 100);
  waiting.announce(at(1, 2), 200);
  waiting.reach(at(50));
  expect(waiting.sinceMs).toBe(200);
});

test("a hundred thousand announcements are remembered in little room, and nothing counts as younger than it is", () => {
  const waiting = new Waiting();
  const count = 100_000;
  for (let i = 1; i <= count; i++) waiting.announce(at(i), i);
  let marks = 0;
  let last: number | undefined;
  for (let reached = 0; reached < count; reached++) {
    waiting.reach(at(reached));
    if (waiting.sinceMs !== last) marks++;
    last = waiting.sinceMs;
    expect(last).toBeLessThanOrEqual(reached + 1);
  }
  expect(marks).toBeGreaterThan(100);
  expect(marks).toBeLessThanOrEqual(256);
  waiting.reach(at(count));
  expect(waiting.sinceMs).toBe(undefined);
});
