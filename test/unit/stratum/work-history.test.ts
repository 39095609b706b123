import { expect, test } from "vitest";
import { targetFromDifficulty } from "../../../src/bitcoin/target.ts";
import { WorkHistory } from "../../../src/stratum/work-history.ts";

function assign(history: WorkHistory, number: number, difficulty: number): void {
  const variant = history.nextVariant(number);
  history.assigned({ number, variant, difficulty, target: targetFromDifficulty(difficulty) });
}

const inForce = (history: WorkHistory, number: number, variant = 0) =>
  history.inForce({ number, variant })?.difficulty;

test("nothing was sent yet, so no job is known", () => {
  const history = new WorkHistory();
  expect(history.lastNumber).toBe(-1);
  expect(inForce(history, 1)).toBeUndefined();
  expect(inForce(history, -1)).toBeUndefined();
});

test("a job has the difficulty that it was sent with, until an easier one is assigned", () => {
  const history = new WorkHistory();
  assign(history, 10, 1000);
  history.sent(11);
  assign(history, 11, 4000);
  history.sent(12);
  expect([inForce(history, 10), inForce(history, 11), inForce(history, 11, 1), inForce(history, 12)]).toEqual(
    [1000, 1000, 4000, 4000],
  );
  assign(history, 12, 500);
  expect([
    inForce(history, 10),
    inForce(history, 11, 1),
    inForce(history, 12),
    inForce(history, 12, 1),
  ]).toEqual([500, 500, 500, 500]);
  assign(history, 13, 8000);
  expect([inForce(history, 12, 1), inForce(history, 13)]).toEqual([500, 8000]);
});

test("names that were never sent are unknown: before the first, after the last, between variants", () => {
  const history = new WorkHistory();
  assign(history, 10, 1);
  assign(history, 10, 2);
  history.sent(15);
  expect(inForce(history, 9)).toBeUndefined();
  expect(inForce(history, 10, 1)).toBe(2);
  expect(inForce(history, 10, 2)).toBeUndefined();
  expect(inForce(history, 15, 1)).toBeUndefined();
  expect(inForce(history, 16)).toBeUndefined();
});

test("each sending of one job has a name of its own; a new job starts over", () => {
  const history = new WorkHistory();
  assign(history, 10, 1);
  expect(history.nextVariant(10)).toBe(1);
  assign(history, 10, 2);
  expect(history.nextVariant(10)).toBe(2);
  expect(history.nextVariant(11)).toBe(0);
  history.sent(11);
  expect(history.nextVariant(11)).toBe(1);
});

test("assignments are forgotten when no job refers to them any more, and what is needed stays", () => {
  const history = new WorkHistory();
  for (let number = 10; number < 70; number++) assign(history, number, number);
  expect(history.canAssign(70)).toBe(true);
  for (let number = 70; number < 74; number++) assign(history, number, number);
  expect(history.canAssign(74)).toBe(false);
  history.prune((number) => number >= 60);
  expect(history.canAssign(74)).toBe(true);
  expect(inForce(history, 60)).toBe(60);
  expect(inForce(history, 73)).toBe(73);
});

test("a change that cannot wait is always remembered, at the price of the oldest", () => {
  const history = new WorkHistory();
  for (let number = 1; number <= 100; number++) assign(history, number, 1000 - number);
  expect(inForce(history, 100)).toBe(900);
  expect(inForce(history, 40)).toBe(900);
  expect(inForce(history, 10)).toBeUndefined();
});

test("one job cannot be sent more often than it can be named", () => {
  const history = new WorkHistory();
  for (let i = 0; i < 256; i++) assign(history, 5, i + 1);
  history.prune(() => false);
  expect(history.canAssign(5)).toBe(false);
  expect(history.canAssign(6)).toBe(true);
});
