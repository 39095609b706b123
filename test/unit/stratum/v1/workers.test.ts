import { expect, test } from "vitest";
import { Workers } from "../../../../src/stratum/v1/workers.ts";

const workerOf = (worker: string) => ({ account: "account", worker });

function workersNamed(...names: readonly string[]): Workers {
  const workers = new Workers();
  for (const name of names) workers.add(name, workerOf(name));
  return workers;
}

test("none is known at first", () => {
  const workers = new Workers();
  expect(workers.size).toBe(0);
  expect(workers.first).toBeUndefined();
  expect(workers.get("")).toBeUndefined();
  expect(workers.beginningWith("")).toBeUndefined();
});

test("each is found by its name and no other, the first stays the first", () => {
  const workers = workersNamed("a", "b", "__proto__", "");
  expect(workers.size).toBe(4);
  expect(workers.first).toEqual(workerOf("a"));
  for (const name of ["a", "b", "__proto__", ""]) expect(workers.get(name)).toEqual(workerOf(name));
  for (const name of ["A", "c", "constructor"]) expect(workers.get(name)).toBeUndefined();
});

test("an empty name may be the first", () => {
  const workers = workersNamed("");
  expect(workers.size).toBe(1);
  expect(workers.get("")).toEqual(workerOf(""));
});

test("a name that was cut is known if only one begins so", () => {
  const workers = workersNamed("address.rig1", "address.rig2", "other.rig");
  expect(workers.beginningWith("other.")).toEqual(workerOf("other.rig"));
  expect(workers.beginningWith("address.rig2")).toEqual(workerOf("address.rig2"));
  expect(workers.beginningWith("address.rig")).toBeUndefined();
  expect(workers.beginningWith("nobody")).toBeUndefined();
});
