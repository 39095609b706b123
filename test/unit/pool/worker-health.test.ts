import { expect, test } from "vitest";
import { WorkerHealth } from "../../../src/pool/worker-health.ts";

function aHealth(workers: number): WorkerHealth {
  const health = new WorkerHealth();
  health.expect(workers);
  return health;
}

const well = { reasons: [], listening: true };
const full = { reasons: ["the disk is full"], listening: false };

test("the pool is well as soon as one worker takes shares", () => {
  const health = aHealth(2);
  expect(health.reasons()).toEqual(["none of 2 stratum workers has started yet"]);
  health.hear(1, full);
  expect(health.reasons()).toEqual(["the disk is full"]);
  health.hear(2, well);
  expect(health.reasons()).toEqual([]);
  expect(health.anyListening()).toBe(2);
});

test("what several workers have against it is said once", () => {
  const health = aHealth(2);
  health.hear(1, full);
  health.hear(2, { ...full, reasons: [...full.reasons, "there is no job yet"] });
  expect(health.reasons()).toEqual(["the disk is full", "there is no job yet"]);
});

test("a worker that was well and is gone says nothing any more", () => {
  const health = aHealth(1);
  health.hear(1, well);
  health.gone(1);
  expect(health.anyListening()).toBe(undefined);
  expect(health.reasons()).toEqual(["none of 1 stratum workers has started yet"]);
});

test("the reason that a worker died of stands until its replacement speaks", () => {
  const health = aHealth(1);
  health.hear(1, full);
  health.gone(1);
  expect(health.reasons()).toEqual(["the disk is full"]);
  health.hear(1, well);
  expect(health.reasons()).toEqual([]);
});
