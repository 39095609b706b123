import { describe, expect, test } from "vitest";
import { targetFromBits } from "../../../src/bitcoin/target.ts";
import { createLiveJobs } from "../../../src/jobs/live-jobs.ts";
import { type Addon, loadAddon, type PreparedJob, type PrepareJob } from "../../../src/native/index.ts";
import { aJob } from "../../support/jobs.ts";

const native = loadAddon();

function liveJobs(maxJobs = 100) {
  const prepared: PrepareJob[] = [];
  const dropped: number[] = [];
  const addon: Pick<Addon, "prepareJob"> = {
    prepareJob(job: PrepareJob): PreparedJob {
      prepared.push(job);
      return native.prepareJob(job);
    },
  };
  const jobs = createLiveJobs({ addon, maxJobs, onTipsDropped: (oldest) => dropped.push(oldest) });
  const add = (number: number, tipNumber: number) => jobs.add(aJob({ number, tipNumber }));
  return { jobs, add, prepared, dropped };
}

test("before the first job there is none", () => {
  const { jobs } = liveJobs();
  expect(jobs.current).toBeUndefined();
  expect(jobs.get(1)).toBeUndefined();
  expect(jobs.size).toBe(0);
});

test("a newer job retires the older one, which is still known", () => {
  const { jobs, add } = liveJobs();
  const [older, newer] = [add(1, 1), add(2, 1)];
  expect(jobs.current).toBe(newer);
  expect(jobs.get(1)).toBe(older);
});

test("the judge gets the job's bytes, its branch in one piece, and the target of its bits", () => {
  const { jobs, prepared } = liveJobs();
  const data = aJob({ merkleBranch: [Buffer.alloc(32, 1), Buffer.alloc(32, 2)], bits: 0x1d00ffff });
  jobs.add(data);
  expect(prepared).toEqual([
    {
      version: data.version,
      previousHash: data.previousHash,
      bits: data.bits,
      minTime: data.minTime,
      coinbase1: data.coinbase1,
      coinbase2: data.coinbase2,
      extranonce2Length: 8,
      merkleBranch: Buffer.concat(data.merkleBranch),
      networkTarget: targetFromBits(0x1d00ffff).bytes,
      tipNumber: data.tipNumber,
    },
  ]);
});

test("jobs of the current tip and of two before it are known, older ones go with what was seen of them", () => {
  const { jobs, add, dropped } = liveJobs();
  for (const tip of [1, 2, 3]) add(tip * 10, tip);
  add(31, 3);
  expect([10, 20, 30, 31].map((number) => jobs.get(number) !== undefined)).toEqual([true, true, true, true]);
  expect(dropped).toEqual([]);
  add(40, 4);
  expect([10, 20, 30, 31, 40].map((number) => jobs.get(number) !== undefined)).toEqual([
    false,
    true,
    true,
    true,
    true,
  ]);
  expect(dropped).toEqual([2]);
  add(41, 4);
  expect(dropped).toEqual([2]);
});

test("tips are counted as they come, also when their numbers have gaps", () => {
  const { jobs, add, dropped } = liveJobs();
  for (const tip of [5, 90, 91]) add(tip, tip);
  expect(jobs.get(5)).toBeDefined();
  add(200, 200);
  expect(jobs.get(5)).toBeUndefined();
  expect(dropped).toEqual([90]);
});

test("when a tip is dropped its jobs are gone already", () => {
  const known: boolean[] = [];
  const jobs = createLiveJobs({
    addon: native,
    maxJobs: 10,
    onTipsDropped: () => known.push(jobs.get(1) !== undefined),
  });
  for (const tip of [1, 2, 3, 4]) jobs.add(aJob({ number: tip, tipNumber: tip }));
  expect(known).toEqual([false]);
});

describe("the bound", () => {
  test("beyond it the oldest jobs go, of the current tip as well", () => {
    const { jobs, add } = liveJobs(3);
    for (let number = 1; number <= 10; number++) add(number, 1);
    expect(jobs.size).toBe(3);
    expect([7, 8, 9, 10].map((number) => jobs.get(number) !== undefined)).toEqual([false, true, true, true]);
  });

  test("the current job always has room", () => {
    const { jobs, add } = liveJobs(1);
    for (let number = 1; number <= 5; number++) expect(add(number, number)).toBe(jobs.current);
    expect(jobs.size).toBe(1);
    expect(() => liveJobs(0)).toThrow(RangeError);
  });
});

test.each([
  ["the same number again", 5, 2],
  ["a lower number", 4, 2],
  ["an older tip", 6, 1],
])("%s is refused and changes nothing", (_, number, tipNumber) => {
  const { jobs, add } = liveJobs();
  const current = add(5, 2);
  expect(() => add(number, tipNumber)).toThrow(expect.objectContaining({ code: "JOB_OUT_OF_ORDER" }));
  expect(jobs.current).toBe(current);
  expect(jobs.size).toBe(1);
});

describe("jobs from before a restart", () => {
  const restored = (...pairs: readonly (readonly [number: number, tipNumber: number])[]) => {
    const made = liveJobs();
    made.jobs.restore(pairs.map(([number, tipNumber]) => aJob({ number, tipNumber })));
    return made;
  };

  test("are known, but none of them is current until there is a new one", () => {
    const { jobs, add } = restored([10, 1], [20, 2], [21, 2]);
    expect(jobs.current).toBeUndefined();
    expect(jobs).toMatchObject({ size: 3, oldestNumber: 10 });
    expect([10, 20, 21].map((number) => jobs.get(number)?.data.number)).toEqual([10, 20, 21]);
    const current = add(22, 2);
    expect(jobs.current).toBe(current);
    expect(jobs.size).toBe(4);
  });

  test("go with their tip as all others do", () => {
    const { jobs, add, dropped } = restored([10, 1], [20, 2]);
    add(30, 3);
    expect(jobs.size).toBe(3);
    expect(dropped).toEqual([]);
    add(40, 4);
    expect(jobs.get(10)).toBeUndefined();
    expect(jobs.get(20)).toBeDefined();
    expect(dropped).toEqual([2]);
  });

  test("count against the bound", () => {
    const { jobs, add } = liveJobs(2);
    jobs.restore([1, 2, 3].map((number) => aJob({ number })));
    expect(jobs).toMatchObject({ size: 2, oldestNumber: 2 });
    add(4, 1);
    expect(jobs).toMatchObject({ size: 2, oldestNumber: 3 });
  });

  test("the newest of them becomes current when it is what everybody works on", () => {
    const { jobs, add, prepared } = restored([10, 1], [11, 1]);
    expect(add(11, 1)).toBe(jobs.get(11));
    expect(jobs.current).toBe(jobs.get(11));
    expect(jobs.size).toBe(2);
    expect(prepared).toHaveLength(2);
    expect(() => add(11, 1)).toThrow(expect.objectContaining({ code: "JOB_OUT_OF_ORDER" }));
  });

  test.each([
    ["an older one of them", 10, 2],
    ["a number between them", 12, 2],
    ["a new one on an older tip", 21, 1],
  ])("%s is refused and changes nothing", (_, number, tipNumber) => {
    const { jobs, add } = restored([10, 1], [20, 2]);
    expect(() => add(number, tipNumber)).toThrow(expect.objectContaining({ code: "JOB_OUT_OF_ORDER" }));
    expect(jobs.current).toBeUndefined();
    expect(jobs.size).toBe(2);
  });
});
