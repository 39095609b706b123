import { expect, test } from "vitest";
import { RememberedDifficulties } from "../../../src/stratum/remembered-difficulties.ts";

const miner = (worker: string) => ({ account: "account", worker });

test("each worker of an account has its own", () => {
  const remembered = new RememberedDifficulties(10);
  remembered.set(miner("a"), 1);
  remembered.set(miner(""), 2);
  remembered.set(miner("a.b"), 3);
  remembered.set(miner("a"), 4);
  expect(["a", "", "a.b", "b"].map((worker) => remembered.get(miner(worker)))).toEqual([4, 2, 3, undefined]);
  expect(remembered.get({ account: "other", worker: "a" })).toBeUndefined();
});

test("those set longest ago make room", () => {
  const remembered = new RememberedDifficulties(2);
  remembered.set(miner("a"), 1);
  remembered.set(miner("b"), 2);
  remembered.set(miner("a"), 3);
  remembered.set(miner("c"), 4);
  expect([...remembered.entries()]).toEqual([
    ["account.a", 3],
    ["account.c", 4],
  ]);
});

test("with a bound of none nothing is remembered", () => {
  const remembered = new RememberedDifficulties(0);
  remembered.set(miner("a"), 1);
  expect(remembered.size).toBe(0);
});

test("what is set here is told to others, what others learned is not", () => {
  const told: unknown[] = [];
  const remembered = new RememberedDifficulties(2, (...news) => told.push(news));
  remembered.set(miner("a"), 1);
  remembered.learn("account.b", 2);
  expect(told).toEqual([["account.a", 1]]);
  expect(remembered.get(miner("b"))).toBe(2);
});
