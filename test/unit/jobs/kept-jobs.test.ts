import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { JobData } from "../../../src/jobs/job.ts";
import { type KeptJobs, type KeptJobsOptions, openKeptJobs } from "../../../src/jobs/kept-jobs.ts";
import { aClock, type FakeClock } from "../../support/clock.ts";
import { aJob } from "../../support/jobs.ts";
import { temporaryFolder } from "../../support/temporary.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let directory: string;
let clock: FakeClock;
beforeEach(async () => {
  folder = await temporaryFolder("jobs");
  directory = folder.path;
  clock = aClock();
});
afterEach(() => folder.remove());

const maxAgeMs = 1_000;

/** What a primary opens at its start. */
function open(changes: Partial<KeptJobsOptions> = {}): KeptJobs {
  return openKeptJobs({
    directory,
    origin: "this boot",
    clock,
    maxJobs: 5,
    maxAgeMs,
    canComplete: () => true,
    onTrouble: (error) => {
      throw error;
    },
    ...changes,
  });
}

async function keep(jobs: KeptJobs, ...kept: readonly JobData[]): Promise<void> {
  for (const job of kept) {
    jobs.keep(job);
    await jobs.settled();
  }
}

const numbers = (jobs: KeptJobs) => jobs.forNode("0-1").map(({ job }) => job.number);
/** With plain arrays where buffers were. */
const plain = <T>(value: T): T => structuredClone(value);
const fileOf = (number: number) => join(directory, `${number.toString(16).padStart(10, "0")}.job`);
const otherTip = new Uint8Array(32).fill(2);

test("a first start knows no jobs and no tip", () => {
  expect(open().lastTip).toBeUndefined();
  expect(open().forNode("0-1")).toEqual([]);
});

test("after a restart every job is what it was, byte for byte", async () => {
  const job = aJob({
    number: 2 ** 40 - 1,
    merkleBranch: [Buffer.alloc(32, 3), new Uint8Array(32).fill(4)],
    coinbase1: new Uint8Array([1, 2, 3]),
    previousHash: otherTip,
    rewardSats: 2n ** 60n + 1n,
    tipNumber: 9,
  });
  await keep(open(), aJob(), job);
  const after = open();
  expect(plain(after.forNode("0-1").map((kept) => kept.job))).toEqual(plain([aJob(), job]));
  expect(plain(after.lastTip)).toEqual(plain({ tipNumber: 9, previousHash: otherTip }));
});

test("a job of a Penstock that knew one length of extranonce2 has that one", async () => {
  const { extranonce2Length: _, ...old } = aJob();
  await keep(open(), old as JobData);
  expect(
    plain(
      open()
        .forNode("0-1")
        .map(({ job }) => job),
    ),
  ).toEqual(plain([aJob()]));
});

test("jobs of this run are there for a worker that is replaced, before any disk has them", () => {
  const jobs = open();
  jobs.keep(aJob({ number: 1 }));
  jobs.keep(aJob({ number: 2 }));
  expect(numbers(jobs)).toEqual([1, 2]);
});

describe("marks", () => {
  test("a job comes with where each worker's journal stood before it", async () => {
    const jobs = open();
    await keep(jobs, aJob({ number: 1 }));
    jobs.journalAt({ node: "0-1", epoch: 5, sequence: 10 });
    jobs.journalAt({ node: "0-2", epoch: 6, sequence: 1 });
    await keep(jobs, aJob({ number: 2 }));
    jobs.journalAt({ node: "0-1", epoch: 5, sequence: 20 });
    await keep(jobs, aJob({ number: 3 }));
    for (const asked of [jobs, open()]) {
      expect(asked.forNode("0-1").map(({ after }) => after)).toEqual([
        { epoch: 0, sequence: 0 },
        { epoch: 5, sequence: 10 },
        { epoch: 5, sequence: 20 },
      ]);
      expect(asked.forNode("0-2").map(({ after }) => after.epoch)).toEqual([0, 6, 6]);
      expect(asked.forNode("0-3").map(({ after }) => after.epoch)).toEqual([0, 0, 0]);
    }
  });

  test("the first jobs of a run go on with the last marks of the run before: the journals only grow", async () => {
    const before = open();
    before.journalAt({ node: "0-1", epoch: 5, sequence: 10 });
    await keep(before, aJob({ number: 1 }));
    clock.advance(maxAgeMs + 1);
    const after = open();
    await keep(after, aJob({ number: 2 }));
    expect(after.forNode("0-1")).toMatchObject([{ job: { number: 2 }, after: { epoch: 5, sequence: 10 } }]);
  });
});

describe("bounds", () => {
  test("only so many are kept, in memory and on disk", async () => {
    const jobs = open();
    for (let number = 1; number <= 20; number++) await keep(jobs, aJob({ number }));
    expect(numbers(jobs)).toEqual([16, 17, 18, 19, 20]);
    expect(readdirSync(directory)).toHaveLength(5);
    expect(numbers(open())).toEqual([16, 17, 18, 19, 20]);
  });

  test("jobs of a fourth tip back are not kept", async () => {
    const jobs = open();
    for (let tip = 1; tip <= 5; tip++) await keep(jobs, aJob({ number: tip, tipNumber: tip }));
    expect(numbers(jobs)).toEqual([3, 4, 5]);
    expect(numbers(open())).toEqual([3, 4, 5]);
    expect(readdirSync(directory)).toHaveLength(3);
  });

  test("jobs that went out too long ago are not taken over, but their tip's number still is", async () => {
    await keep(open(), aJob({ number: 1, tipNumber: 4 }));
    clock.advance(maxAgeMs);
    await keep(open(), aJob({ number: 2, tipNumber: 4 }));
    expect(numbers(open())).toEqual([1, 2]);
    clock.advance(1);
    expect(numbers(open())).toEqual([2]);
    clock.advance(maxAgeMs);
    expect(numbers(open())).toEqual([]);
    expect(open().lastTip?.tipNumber).toBe(4);
  });

  test("in its own run a job has no age: whatever the wall clock does, workers hold it too", async () => {
    const jobs = open();
    await keep(jobs, aJob({ number: 1 }));
    clock.advance(100 * maxAgeMs);
    expect(numbers(jobs)).toEqual([1]);
  });

  test("a disk that does not keep up costs the oldest of those that wait, and nothing else", async () => {
    const jobs = open({ maxJobs: 100 });
    for (let number = 1; number <= 60; number++) jobs.keep(aJob({ number }));
    await jobs.settled();
    const written = numbers(open({ maxJobs: 100 }));
    expect(written.length).toBeLessThanOrEqual(17);
    expect(written.at(-1)).toBe(60);
    expect(numbers(jobs)).toHaveLength(60);
  });
});

describe("what is not taken over", () => {
  test.each([
    ["another origin", { origin: "another boot" }],
    ["no known origin", { origin: undefined }],
  ])("jobs when this run has %s", async (_, changes) => {
    const before = open();
    before.journalAt({ node: "0-1", epoch: 5, sequence: 10 });
    await keep(before, aJob({ number: 1, tipNumber: 3 }));
    const jobs = open(changes);
    expect(numbers(jobs)).toEqual([]);
    expect(jobs.lastTip?.tipNumber).toBe(3);
    jobs.keep(aJob({ number: 2, tipNumber: 4 }));
    await jobs.settled();
    expect(jobs.forNode("0-1")).toMatchObject([{ job: { number: 2 }, after: { epoch: 0, sequence: 0 } }]);
  });

  test("jobs of a run without a known origin", async () => {
    await keep(open({ origin: undefined }), aJob());
    expect(numbers(open({ origin: undefined }))).toEqual([]);
    expect(numbers(open({ origin: "" }))).toEqual([]);
  });

  test("a job whose block can no longer be completed", async () => {
    await keep(open(), aJob({ number: 1, templateId: "gone" }), aJob({ number: 2, templateId: "there" }));
    expect(numbers(open({ canComplete: ({ templateId }) => templateId === "there" }))).toEqual([2]);
  });

  test("a file that is cut at any byte", async () => {
    await keep(open(), aJob());
    const bytes = readFileSync(fileOf(1));
    for (let length = 0; length < bytes.length; length++) {
      writeFileSync(fileOf(1), bytes.subarray(0, length));
      if (open().lastTip !== undefined) expect.fail(`${length} of ${bytes.length} bytes`);
    }
    writeFileSync(fileOf(1), Buffer.concat([bytes, Buffer.of(0)]));
    expect(open().lastTip).toBeUndefined();
    writeFileSync(fileOf(1), bytes);
    expect(numbers(open())).toEqual([1]);
  });

  test("a file with any bit of any byte changed", async () => {
    await keep(open(), aJob());
    const bytes = readFileSync(fileOf(1));
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1 << (at % 8);
      writeFileSync(fileOf(1), changed);
      if (open().lastTip !== undefined) expect.fail(`byte ${at}`);
    }
  });

  test("a file of another version, and a job with more or fewer fields than this Penstock's", async () => {
    const { clean: _, ...fewer } = aJob();
    await keep(open(), { ...aJob(), payee: "somebody" } as JobData, { ...fewer, number: 2 } as JobData);
    expect(open().lastTip).toBeUndefined();
    await keep(open(), aJob({ number: 3 }));
    const bytes = readFileSync(fileOf(3));
    bytes.writeUInt32LE(2, 8);
    writeFileSync(fileOf(3), bytes);
    expect(open().lastTip).toBeUndefined();
  });

  test("a job under another's name", async () => {
    await keep(open(), aJob());
    writeFileSync(fileOf(2), readFileSync(fileOf(1)));
    rmSync(fileOf(1));
    expect(open().lastTip).toBeUndefined();
  });

  test("jobs before a break in the order of tips", async () => {
    for (const [number, tipNumber] of [
      [1, 1],
      [2, 9],
      [3, 2],
      [4, 2],
    ] as const)
      await keep(open(), aJob({ number, tipNumber }));
    expect(numbers(open())).toEqual([3, 4]);
  });

  test("jobs of numbers that come again: a worker would refuse them", async () => {
    await keep(open(), aJob({ number: 7 }), aJob({ number: 8 }));
    const jobs = open();
    await keep(jobs, aJob({ number: 5 }));
    expect(numbers(jobs)).toEqual([5]);
  });
});

test("what is damaged, left half written or no longer kept goes with the next job", async () => {
  writeFileSync(join(directory, "0000000001.job"), "damaged");
  writeFileSync(join(directory, "next.job-part"), "half");
  writeFileSync(join(directory, "notes.txt"), "somebody else's");
  await keep(open(), aJob({ number: 3 }));
  expect(readdirSync(directory).sort()).toEqual(["0000000003.job", "notes.txt"]);
});

test("a disk that refuses for long leaves one half file at most", async () => {
  const jobs = open({ onTrouble: () => {} });
  // Nothing can be renamed to what is a folder.
  for (let number = 1; number <= 5; number++) mkdirSync(join(fileOf(number), "full"), { recursive: true });
  for (let number = 1; number <= 5; number++) await keep(jobs, aJob({ number }));
  expect(readdirSync(directory).filter((name) => name.endsWith("part"))).toEqual(["next.job-part"]);
  await keep(jobs, aJob({ number: 6 }));
  expect(readdirSync(directory).filter((name) => name.endsWith("part"))).toEqual([]);
});

test("a disk that refuses is told, and costs only what a restart would know", async () => {
  const troubles: string[] = [];
  const jobs = open({ onTrouble: (error) => troubles.push((error as NodeJS.ErrnoException).code ?? "") });
  rmSync(directory, { recursive: true });
  await keep(jobs, aJob({ number: 1 }));
  expect(troubles).toEqual(["ENOENT"]);
  expect(numbers(jobs)).toEqual([1]);
  mkdirSync(directory);
  await keep(jobs, aJob({ number: 2 }));
  expect(numbers(open())).toEqual([2]);
});
