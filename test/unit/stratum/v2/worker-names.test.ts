import { expect, test } from "vitest";
import { WorkerNames } from "../../../../src/stratum/v2/worker-names.ts";

const miner = { account: "address", worker: "rig" };

test.each([
  ["north-7", "north-7"],
  ["", "rig"],
  ["a.b", "a.b"],
  ["%20x", "_x"],
  ["<script>", "_script_"],
  ["é\u0000", "__"],
])("%j is the worker %j", (identity, worker) => {
  expect(new WorkerNames(10).workerOf(identity, miner)).toBe(worker);
});

test("names beyond the bound are the channel's worker; those known before stay known", () => {
  const names = new WorkerNames(2);
  expect(["a", "b", "c", "b", "a"].map((name) => names.workerOf(name, miner))).toEqual([
    "a",
    "b",
    "rig",
    "b",
    "a",
  ]);
});
