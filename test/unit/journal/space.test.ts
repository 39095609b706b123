import { expect, test } from "vitest";
import { nextSpaceState, type SpaceState } from "../../../src/journal/space.ts";

const thresholds = { alarmFreeBytes: 1_000, refuseFreeBytes: 100 };

function walk(from: SpaceState, ...freeBytes: number[]): SpaceState[] {
  let state = from;
  return freeBytes.map((free) => {
    state = nextSpaceState(state, free, thresholds);
    return state;
  });
}

test("the alarm comes before the refusal, as space shrinks", () => {
  expect(walk("ok", 1_000, 999, 100, 99)).toEqual(["ok", "alarm", "alarm", "refusing"]);
});

test("a state is left only when a tenth more is free than where it began", () => {
  expect(walk("refusing", 100, 109, 111, 1_000, 1_099, 1_101)).toEqual([
    "refusing",
    "refusing",
    "alarm",
    "alarm",
    "alarm",
    "ok",
  ]);
});

test("space that vanishes or returns at once skips the state between", () => {
  expect(walk("ok", 0, 5_000)).toEqual(["refusing", "ok"]);
});
