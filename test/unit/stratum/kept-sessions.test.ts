import { expect, test } from "vitest";
import type { ChannelState } from "../../../src/stratum/channel.ts";
import { KeptSessions, newSessionId, workerOfSession } from "../../../src/stratum/kept-sessions.ts";
import { TipHistory } from "../../../src/stratum/tip-history.ts";
import { WorkHistory } from "../../../src/stratum/work-history.ts";
import { aClock } from "../../support/clock.ts";

const aState = (extranonce1: number, hasShares = true): ChannelState => ({
  extranonce1,
  hasShares,
  scheme: "pplns",
  work: new WorkHistory(),
  tips: new TipHistory(),
  wanted: 1,
});

function aKeeper({ most = 10, keepMs = 1000 } = {}) {
  const clock = aClock();
  const forgotten: number[] = [];
  const kept = new KeptSessions({
    most,
    keepMs,
    clock,
    onForgotten: (_, { extranonce1 }) => forgotten.push(extranonce1),
  });
  return { kept, clock, forgotten };
}

test("a session is taken once; what is taken is never forgotten", () => {
  const { kept, clock, forgotten } = aKeeper();
  const state = aState(1);
  kept.keep("a", state);
  expect(kept.take("a", "pplns")).toBe(state);
  expect(kept.take("a", "pplns")).toBeUndefined();
  clock.advance(1000);
  kept.sweep();
  expect(forgotten).toEqual([]);
});

test("a session of another scheme, or whose time is over, is not given, and is forgotten once in its time", () => {
  const { kept, clock, forgotten } = aKeeper();
  kept.keep("a", aState(1));
  expect(kept.take("a", "solo")).toBeUndefined();
  clock.advance(999);
  kept.sweep();
  expect(forgotten).toEqual([]);
  clock.advance(1);
  expect(kept.take("a", "pplns")).toBeUndefined();
  expect(forgotten).toEqual([]);
  kept.sweep();
  kept.sweep();
  expect(forgotten).toEqual([1]);
  expect(kept.size).toBe(0);
});

test("beyond the bound the oldest go, each told of", () => {
  const { kept, forgotten } = aKeeper({ most: 2 });
  for (const number of [1, 2, 3, 4]) kept.keep(`${number}`, aState(number));
  expect(forgotten).toEqual([1, 2]);
  expect(kept.size).toBe(2);
});

test("with a bound of none, or no time, nothing is kept", () => {
  const { kept, forgotten } = aKeeper({ most: 0 });
  kept.keep("a", aState(1));
  expect(forgotten).toEqual([1]);
  const timeless = aKeeper({ keepMs: 0 });
  timeless.kept.keep("a", aState(1));
  expect(timeless.kept.take("a", "pplns")).toBeUndefined();
});

test("what a process before left is kept for the rest of its time, and never longer than anything else", () => {
  const { kept, clock, forgotten } = aKeeper();
  kept.keep("over", aState(1), -5);
  kept.keep("short", aState(2), 10);
  kept.keep("from the future", aState(3), 1e15);
  kept.keep("usual", aState(4));
  kept.sweep();
  expect(forgotten).toEqual([1]);
  clock.advance(10);
  kept.sweep();
  expect(forgotten).toEqual([1, 2]);
  clock.advance(990);
  kept.sweep();
  expect(forgotten).toEqual([1, 2, 3, 4]);
});

test("session ids are all different and tell their worker process", () => {
  const ids = Array.from({ length: 1000 }, () => newSessionId(0xab));
  expect(new Set(ids).size).toBe(1000);
  for (const id of ids) expect(id).toMatch(/^ab[0-9a-f]{22}$/);
  expect(workerOfSession(ids[0]!)).toBe(0xab);
  for (const text of ["", "ab", ids[0]!.toUpperCase(), `${ids[0]}0`, "g".repeat(24)])
    expect(workerOfSession(text)).toBeUndefined();
});

test("sessions that never had a share make room first, and have a quarter of it at most", () => {
  const { kept, forgotten } = aKeeper({ most: 8 });
  for (let number = 1; number <= 7; number++) kept.keep(`miner-${number}`, aState(number));
  for (let number = 101; number <= 200; number++) kept.keep(`crowd-${number}`, aState(number, false));
  expect(forgotten).not.toContain(1);
  expect(kept.size).toBe(8);
  kept.keep("miner-8", aState(8));
  expect(kept.take("crowd-200", "pplns")).toBeUndefined();
  expect(kept.take("miner-1", "pplns")?.extranonce1).toBe(1);
  for (let number = 201; number <= 300; number++) kept.keep(`crowd-${number}`, aState(number, false));
  expect(kept.size).toBe(8);
  const fresh = aKeeper({ most: 8 });
  for (let number = 1; number <= 5; number++) fresh.kept.keep(`crowd-${number}`, aState(number, false));
  expect(fresh.forgotten).toEqual([1, 2, 3]);
});
