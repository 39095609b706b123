import { expect, test } from "vitest";
import { connectionCost, Turns, turnCost } from "../../../src/stratum/turns.ts";

/** Turns that begin when the test says so. */
function aLoop() {
  const planned: (() => void)[] = [];
  const turns = new Turns((begin) => void planned.push(begin));
  return {
    turns,
    planned,
    turn() {
      for (const begin of planned.splice(0)) begin();
    },
  };
}

test("a connection may use its part of a turn, and the same again in the next", () => {
  const { turns, turn } = aLoop();
  expect(turns.grants(0, connectionCost / 2, true)).toBe(true);
  expect(turns.grants(connectionCost / 2, connectionCost / 2, true)).toBe(true);
  expect(turns.grants(connectionCost, 1, true)).toBe(false);
  const { number } = turns;
  turn();
  expect(turns.number).toBe(number + 1);
  expect(turns.grants(0, connectionCost, true)).toBe(true);
});

test("when a turn is used up only short first lines go through, however many", () => {
  const { turns, turn } = aLoop();
  for (let used = 0; used < turnCost; used += connectionCost)
    expect(turns.grants(0, connectionCost, true)).toBe(true);
  expect(turns.isUsedUp).toBe(true);
  expect(turns.grants(0, 5_000, true)).toBe(false);
  expect(turns.grants(500, 500, true)).toBe(false);
  for (let i = 0; i < 1_000; i++) expect(turns.grants(0, 500, true)).toBe(true);
  turn();
  expect(turns.isUsedUp).toBe(false);
  expect(turns.grants(0, 5_000, true)).toBe(true);
});

test("a line that costs more than a turn goes through as the first of one", () => {
  const { turns, turn } = aLoop();
  expect(turns.grants(0, turnCost + 1, true)).toBe(true);
  expect(turns.grants(0, turnCost + 1, true)).toBe(false);
  turn();
  expect(turns.grants(0, turnCost + 1, true)).toBe(true);
});

test("who waits goes on in order, once, and may wait again", () => {
  const { turns, planned, turn } = aLoop();
  const wentOn: string[] = [];
  turns.wait({
    goOn() {
      wentOn.push("first");
      if (wentOn.length === 1) turns.wait(this);
    },
  });
  turns.wait({ goOn: () => void wentOn.push("second") });
  expect(planned).toHaveLength(1);
  turn();
  expect(wentOn).toEqual(["first", "second"]);
  turn();
  expect(wentOn).toEqual(["first", "second", "first"]);
  expect(planned).toHaveLength(0);
});

test("nothing is planned while nothing is used", () => {
  expect(aLoop().planned).toHaveLength(0);
});

test("whoever lost the others' trust has no claim to a first line when the turn is used up", () => {
  const turns = new Turns(() => {});
  while (!turns.isUsedUp) turns.spend(connectionCost);
  expect(turns.grants(0, 500, false)).toBe(false);
  expect(turns.grants(0, 500, true)).toBe(true);
});
