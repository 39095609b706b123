import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { originOfJobs } from "../../../src/pool/job-origin.ts";
import { configOf, minimal, testnetAddress } from "../config/builders.ts";

const onLinux = existsSync("/proc/sys/kernel/random/boot_id");
const pool = minimal()["pool"] as object;
const originOf = (more: Record<string, unknown> = {}) => originOfJobs(configOf(minimal(more)));

test.runIf(onLinux)(
  "jobs of the run before are of the same origin, also when what they do not rest on has changed",
  () => {
    expect(originOf()).toEqual(expect.any(String));
    expect(originOf()).toBe(originOf());
    expect(originOf({ stratum: { workers: 7, difficulty: { start: 5 } }, log: { level: "debug" } })).toBe(
      originOf(),
    );
  },
);

test.runIf(onLinux).each([
  ["chain", { chain: "signet", pool: { ...pool, address: testnetAddress } }],
  ["front end", { pool: { ...pool, frontEnd: 3 } }],
  ["scheme", { pool: { ...pool, scheme: "solo" } }],
  ["journals", { journal: { directory: "/elsewhere" } }],
  ["payees", { pool: { ...pool, split: [{ address: "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", percent: 1 }] } }],
  ["fee", { pool: { ...pool, feePercent: 3.5 } }],
  ["PPLNS window", { pplns: { windowMultiple: 9 } }],
])("jobs made for another %s are of another origin", (_, more) => {
  expect(originOf(more)).not.toBe(originOf());
});

test.runIf(!onLinux)("where a boot has no name, jobs do not outlive their run", () => {
  expect(originOf()).toBeUndefined();
});
