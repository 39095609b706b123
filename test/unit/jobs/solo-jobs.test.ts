import { expect, test } from "vitest";
import { parseAddress } from "../../../src/bitcoin/address.ts";
import { coinbaseLength } from "../../../src/jobs/job.ts";
import { createLiveJobs } from "../../../src/jobs/live-jobs.ts";
import { soloJob } from "../../../src/jobs/solo-coinbase.ts";
import { createSoloJobs } from "../../../src/jobs/solo-jobs.ts";
import { createWideJobs } from "../../../src/jobs/wide-job.ts";
import { type Addon, loadAddon, type PreparedJob, type PrepareJob } from "../../../src/native/index.ts";
import { aJob } from "../../support/jobs.ts";

const native = loadAddon();
const [alice, bob, carol] = [
  "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
  "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
  "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc",
] as const;
const terms = {
  feeMillionths: 10_000,
  split: [
    { script: Buffer.from(`0014${"99".repeat(20)}`, "hex"), millionths: "rest" as const },
    { script: Buffer.from(`0014${"88".repeat(20)}`, "hex"), millionths: 500_000 },
  ],
};
const limit = 750;

function soloJobs({ maxEntries = 100, maxJobs = 3 } = {}) {
  const prepared: PrepareJob[] = [];
  const addon: Pick<Addon, "prepareJob"> = {
    prepareJob(job: PrepareJob): PreparedJob {
      prepared.push(job);
      return native.prepareJob(job);
    },
  };
  const jobs = createLiveJobs({ addon: native, maxJobs, onTipsDropped: () => {} });
  const solo = createSoloJobs({ addon, jobs, chain: "regtest", terms, maxEntries });
  let number = 0;
  const next = () => jobs.add(aJob({ number: ++number }));
  return { jobs, solo, next, prepared };
}

function scriptOf(address: string): Uint8Array {
  const parsed = parseAddress(address, "regtest");
  if (!parsed.ok) throw new Error(parsed.sentence);
  return parsed.script;
}

test("an account has the job with its own address in the coinbase, and the judge has the same bytes", () => {
  const { solo, next, prepared } = soloJobs();
  const job = next();
  const [forAlice, forBob] = [solo.jobFor(job, alice, limit), solo.jobFor(job, bob, limit)];
  expect(forAlice.data).toEqual(soloJob(job.data, scriptOf(alice), terms, limit));
  expect(forBob.data).toEqual(soloJob(job.data, scriptOf(bob), terms, limit));
  expect(prepared.map(({ coinbase2 }) => coinbase2)).toEqual([forAlice, forBob].map((j) => j.data.coinbase2));
  expect(prepared.map(({ coinbase1 }) => coinbase1)).toEqual([job.data.coinbase1, job.data.coinbase1]);
});

test("it is made once for an account and a limit, and is another one for another limit or job", () => {
  const { solo, next, prepared } = soloJobs();
  const [first, second] = [next(), next()];
  const job = solo.jobFor(first, alice, limit);
  expect(solo.jobFor(first, alice, limit)).toBe(job);
  expect(prepared).toHaveLength(1);
  expect(solo.jobFor(first, alice, 100).data.coinbase2.length).toBeLessThan(job.data.coinbase2.length);
  expect(solo.jobFor(second, alice, limit)).not.toBe(job);
  expect(solo.size).toBe(3);
});

test("what was made for jobs that are held no more goes with them", () => {
  const { solo, next } = soloJobs();
  const jobs = [next(), next(), next()];
  for (const job of jobs) for (const account of [alice, bob, carol]) solo.jobFor(job, account, limit);
  expect(solo.size).toBe(9);
  const newest = next(); // the first of the three is dropped
  const kept = solo.jobFor(jobs[1]!, alice, limit);
  solo.jobFor(newest, alice, limit);
  expect(solo.size).toBe(7);
  expect(solo.jobFor(jobs[1]!, alice, limit)).toBe(kept);
});

test("beyond its bound those of the oldest job go first, and come again with the same bytes", () => {
  const { solo, next } = soloJobs({ maxEntries: 4 });
  const [older, newer] = [next(), next()];
  const before = solo.jobFor(older, alice, limit);
  for (const account of [alice, bob, carol]) solo.jobFor(newer, account, limit);
  const kept = solo.jobFor(newer, alice, limit);
  expect(solo.size).toBe(4);
  const again = solo.jobFor(older, bob, limit);
  expect(solo.size).toBe(4);
  expect(solo.jobFor(newer, alice, limit)).toBe(kept);
  expect(again.data).toEqual(soloJob(older.data, scriptOf(bob), terms, limit));
  expect(solo.jobFor(older, alice, limit).data).toEqual(before.data);
  expect(solo.size).toBeLessThanOrEqual(4);
});

test("it stays within what the jobs held ask for, however many came before", () => {
  const { solo, next } = soloJobs({ maxEntries: 1_000 });
  const accounts = [alice, bob, carol];
  for (let round = 0; round < 400; round++) {
    const job = next();
    for (const account of accounts) for (const size of [100, 300, limit]) solo.jobFor(job, account, size);
    expect(solo.size).toBeLessThanOrEqual(3 * 9);
  }
  expect(() => soloJobs({ maxEntries: 0 })).toThrow(RangeError);
});

test("an account that is no address of the chain is refused by name", () => {
  const { solo, next } = soloJobs();
  const job = next();
  for (const account of ["", "alice", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"]) {
    expect(() => solo.jobFor(job, account, limit)).toThrow(
      expect.objectContaining({ code: "SOLO_ACCOUNT_INVALID" }),
    );
  }
  expect(solo.size).toBe(0);
});

test("a wide job is paid apart from the one it was made of, and its longer coinbase counts against the limit", () => {
  const { solo, next } = soloJobs();
  const wide = createWideJobs({ addon: native });
  const job = next();
  const forAlice = solo.jobFor(job, alice, limit);
  const bytes = coinbaseLength(forAlice.data);
  const [plain, wideEnough, tooWide] = [
    solo.jobFor(job, alice, bytes),
    solo.jobFor(wide.of(job)!, alice, bytes + 8),
    solo.jobFor(wide.of(job)!, alice, bytes),
  ];
  expect(plain.data).toEqual(forAlice.data);
  expect(wideEnough.data).toEqual(wide.of(forAlice)!.data);
  expect(wideEnough.data.extranonce2Length).toBe(16);
  expect(tooWide.data.coinbase2.length).toBeLessThan(plain.data.coinbase2.length);
  expect(solo.jobFor(job, alice, bytes)).toBe(plain);
  expect(solo.jobFor(wide.of(job)!, alice, bytes)).toBe(tooWide);
  expect(solo.size).toBe(4);
});

test("wide jobs go with the jobs they were made of", () => {
  const { solo, next } = soloJobs({ maxJobs: 1 });
  const wide = createWideJobs({ addon: native });
  const job = next();
  for (const form of [job, wide.of(job)!]) solo.jobFor(form, alice, limit);
  expect(solo.size).toBe(2);
  solo.jobFor(next(), bob, limit);
  expect(solo.size).toBe(1);
});
