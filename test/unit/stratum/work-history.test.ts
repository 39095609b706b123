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

const restored = (last: number) =>
  WorkHistory.restored(
    [
      { number: 5, variant: 0, difficulty: 256, target: targetFromDifficulty(256) },
      { number: 8, variant: 2, difficulty: 64, target: targetFromDifficulty(64) },
    ],
    last,
  );

test("what was restored holds for the jobs between its first and its last, and no others", () => {
  const history = restored(9);
  const difficultyAt = (number: number, variant = 0) => history.inForce({ number, variant })?.difficulty;
  expect([4, 5, 7, 8, 9, 10].map((number) => difficultyAt(number))).toEqual([
    undefined,
    64,
    64,
    64,
    64,
    undefined,
  ]);
  expect(difficultyAt(8, 2)).toBe(64);
  expect(difficultyAt(8, 1)).toBeUndefined();
  expect(history.lastNumber).toBe(9);
  expect(history.assignment?.difficulty).toBe(64);
});

test("names go on behind those that were used", () => {
  expect(restored(9).nextVariant(9)).toBe(1);
  expect(restored(9).nextVariant(10)).toBe(0);
  expect(restored(8).nextVariant(8)).toBe(3);
  // A last job before the last assignment's cannot be: the end was not written down whole.
  expect(restored(3).nextVariant(8)).toBe(3);
});

test("nothing restored is a history that begins", () => {
  const history = WorkHistory.restored([], 9);
  expect(history.assignment).toBeUndefined();
  expect(history.inForce({ number: 9, variant: 0 })).toBeUndefined();
  history.assigned({ number: 10, variant: 0, difficulty: 1, target: targetFromDifficulty(1) });
  expect(history.inForce({ number: 10, variant: 0 })?.difficulty).toBe(1);
});

test("a job has 256 names", () => {
  const history = new WorkHistory();
  for (let variant = 0; variant < 255; variant++)
    history.assigned({ number: 1, variant, difficulty: 1, target: targetFromDifficulty(1) });
  expect(history.hasName(1)).toBe(true);
  history.assigned({ number: 1, variant: 255, difficulty: 1, target: targetFromDifficulty(1) });
  expect(history.hasName(1)).toBe(false);
  expect(history.hasName(2)).toBe(true);
});
