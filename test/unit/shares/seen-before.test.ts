import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { JobData } from "../../../src/jobs/job.ts";
import { type KeptJob, type KeptJobs, openKeptJobs } from "../../../src/jobs/kept-jobs.ts";
import { createLiveJobs, type LiveJobs } from "../../../src/jobs/live-jobs.ts";
import type { JournalRecord, SequencePosition } from "../../../src/journal/index.ts";
import type { Logger } from "../../../src/log/index.ts";
import { submissionLayout as at, refusalCodes, verdictLayout } from "../../../src/native/layout.ts";
import { type SeenBefore, type SeenBeforeOptions, seenBefore } from "../../../src/shares/seen-before.ts";
import { aClock } from "../../support/clock.ts";
import { aJob } from "../../support/jobs.ts";
import { aBlock, addon, aShare, commit, openTestJournal } from "../../support/journal.ts";
import { randomSource } from "../../support/random.ts";
import { silentLog } from "../../support/silent-log.ts";
import { temporaryFolder } from "../../support/temporary.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let directory: string;
beforeEach(async () => {
  folder = await temporaryFolder("seen-before");
  directory = join(folder.path, "0-1");
});
afterEach(() => folder.remove());

const start: SequencePosition = { epoch: 0, sequence: 0 };
const block = (number: number) => new Uint8Array(32).fill(number);

/** A job whose shares no other job has. */
function jobOf(number: number, tipNumber: number, height = 100 + tipNumber, tip = block(tipNumber)): JobData {
  return aJob({ number, tipNumber, height, previousHash: tip, coinbase1: Buffer.from(`coinbase ${number}`) });
}

const keptFrom = (after: SequencePosition, ...jobs: readonly JobData[]): KeptJob[] =>
  jobs.map((job) => ({ job, after }));

/** What a worker is after its start. */
interface Started {
  readonly before: SeenBefore;
  readonly jobs: LiveJobs;
  /** Judges the share with this nonce; undefined: accepted. */
  judge(job: JobData, nonce: number): string | undefined;
}

const verdict = Buffer.alloc(verdictLayout.size);

async function startWorker(
  kept: readonly KeptJob[],
  committed: SequencePosition,
  changes: Partial<SeenBeforeOptions> = {},
): Promise<Started> {
  const before = await seenBefore({
    jobs: kept,
    directory,
    committed,
    addon,
    maxSeen: 100_000,
    maxBytes: 2 ** 30,
    log: silentLog,
    ...changes,
  });
  const jobs = createLiveJobs({
    addon,
    maxJobs: 128,
    onTipsDropped: (oldest) => before.seen.forgetBefore(oldest),
  });
  jobs.restore(before.jobs);
  return {
    before,
    jobs,
    judge: ({ number }, nonce) => {
      const job = jobs.get(number);
      if (job === undefined) return "job-not-found";
      const request = Buffer.alloc(at.size);
      request.writeUInt32LE(nonce, at.nonce);
      request.writeUInt32LE(5_000, at.ntime);
      request.writeUInt32LE(0xffffffff, at.ntimeMax);
      request.fill(0xff, at.target);
      return refusalCodes[addon.judge(job.prepared, before.seen, request, verdict) & 0xff];
    },
  };
}

/** The record of an accepted share, as accept-shares.ts writes it. */
async function recordOf(job: JobData, nonce: number): Promise<JournalRecord> {
  const { before, judge, jobs } = await startWorker([], start);
  jobs.add(job);
  expect(judge(job, nonce)).toBeUndefined();
  expect(before.seen.size).toBe(1);
  return aShare(nonce, { hash: hashOfVerdict(), height: job.height });
}

function hashOfVerdict(): Buffer {
  return Buffer.from(verdict.subarray(verdictLayout.hash, verdictLayout.hash + 32));
}

/** A run of the worker that accepted these shares. @returns what was durable before and after. */
async function aRun(...shares: readonly (readonly [JobData, nonce: number])[]) {
  const records = await Promise.all(shares.map(([job, nonce]) => recordOf(job, nonce)));
  return runWith(records);
}

async function runWith(records: readonly JournalRecord[]) {
  const journal = await openTestJournal(directory);
  const before = journal.committed;
  for (const record of records) await commit(journal, [record]);
  await journal.close();
  return { before, after: journal.committed };
}

test("a share that was accepted before the restart is a duplicate after it, and a fresh one counts once", async () => {
  const job = jobOf(1, 1);
  const { after } = await aRun([job, 1], [job, 2]);
  const { judge, before } = await startWorker(keptFrom(start, job), after);
  expect(before.seen.size).toBe(2);
  expect([1, 2, 3, 3, 1].map((nonce) => judge(job, nonce))).toEqual([
    "duplicate",
    "duplicate",
    undefined,
    "duplicate",
    "duplicate",
  ]);
});

test("shares of every run since the job went out are known, over many segments", async () => {
  const job = jobOf(1, 1);
  const first = await aRun(...Array.from({ length: 60 }, (_, nonce) => [job, nonce] as const));
  const second = await aRun(...Array.from({ length: 60 }, (_, nonce) => [job, 100 + nonce] as const));
  expect(readdirSync(directory).filter((name) => name.endsWith(".wal")).length).toBeGreaterThan(4);
  for (const mark of [start, first.before]) {
    const { judge, before } = await startWorker(keptFrom(mark, job), second.after);
    expect(before.seen.size).toBe(120);
    for (const nonce of [0, 59, 100, 159]) expect(judge(job, nonce)).toBe("duplicate");
    expect(judge(job, 60)).toBeUndefined();
  }
});

test("a journal that is being written already is read to where it stood at its opening", async () => {
  const job = jobOf(1, 1);
  await aRun([job, 1]);
  const journal = await openTestJournal(directory);
  const { judge } = await startWorker(keptFrom(start, job), journal.committed);
  expect(judge(job, 1)).toBe("duplicate");
  await journal.close();
});

test("only shares of heights that the jobs have, from behind their marks, take room in the window", async () => {
  const [older, job] = [jobOf(1, 1), jobOf(2, 2)];
  const first = await aRun([older, 1], [older, 2], [older, 3]);
  const second = await aRun([older, 4], [job, 5]);
  const { before } = await startWorker(keptFrom(first.after, job), second.after);
  expect(before.seen.size).toBe(1);
});

test("records of blocks are no shares", async () => {
  const job = jobOf(1, 1);
  const share = (await recordOf(job, 1)) as JournalRecord & { kind: "share" };
  const { after } = await runWith([aBlock(1, { hash: share.hash, height: job.height }), share]);
  const { before, judge } = await startWorker(keptFrom(start, job), after);
  expect(before.seen.size).toBe(1);
  expect(judge(job, 1)).toBe("duplicate");
});

test("records that only the reference reads count as all others do", async () => {
  const job = jobOf(1, 1);
  const inTheYear2255 = 9_000_000_000_001;
  const odd = { ...(await recordOf(job, 1)), timeMs: inTheYear2255 } as JournalRecord;
  const { after } = await runWith([odd, await recordOf(job, 2), odd, await recordOf(jobOf(2, 2), 3)]);
  const { judge, before } = await startWorker(keptFrom(start, job), after);
  expect([1, 2, 3].map((nonce) => judge(job, nonce))).toEqual(["duplicate", "duplicate", undefined]);
  expect(before.seen.size).toBe(3);
  const full = await startWorker(keptFrom(start, job), after, { maxSeen: 1 });
  expect(full.before.jobs).toEqual([]);
});

describe("a reorganisation", () => {
  test("two tips of one height: the shares of both are known, though a record says its height only", async () => {
    const [one, other] = [jobOf(1, 1, 100), jobOf(2, 2, 100)];
    const { after } = await aRun([one, 1], [other, 2]);
    const { judge, jobs } = await startWorker(keptFrom(start, one, other), after);
    expect([judge(one, 1), judge(other, 2)]).toEqual(["duplicate", "duplicate"]);
    expect([judge(one, 2), judge(other, 1)]).toEqual([undefined, undefined]);
    // They stay known for as long as their jobs do.
    jobs.add(jobOf(3, 3));
    expect([judge(one, 1), judge(other, 2)]).toEqual(["duplicate", "duplicate"]);
    jobs.add(jobOf(4, 4));
    expect([judge(one, 1), judge(other, 2)]).toEqual(["job-not-found", "duplicate"]);
  });

  test("there and back: shares of both visits are known under the later number", async () => {
    const jobs = [jobOf(1, 1, 100, block(9)), jobOf(2, 2, 101), jobOf(3, 3, 100, block(9))] as const;
    const { after } = await aRun([jobs[0], 1], [jobs[1], 2], [jobs[2], 3]);
    const worker = await startWorker(keptFrom(start, ...jobs), after);
    jobs.forEach((job, index) => {
      expect(worker.judge(job, index + 1)).toBe("duplicate");
    });
    worker.jobs.add(jobOf(4, 4, 100, block(9)));
    worker.jobs.add(jobOf(5, 5));
    expect(jobs.map((job, index) => worker.judge(job, index + 1))).toEqual([
      "job-not-found",
      "job-not-found",
      "duplicate",
    ]);
  });
});

describe("where anything is in doubt the old jobs are unknown, and new ones are served", () => {
  const [old, older, fresh] = [jobOf(2, 1), jobOf(1, 1), jobOf(3, 1)];

  async function expectDropped(started: Started, warnings: readonly string[]): Promise<void> {
    const { before, jobs, judge } = started;
    expect(warnings).toEqual(["old-jobs-dropped"]);
    expect(before.jobs).toEqual([]);
    expect(before.seen.size).toBe(0);
    expect([older, old, fresh].map(before.isKnown)).toEqual([false, false, true]);
    expect(judge(old, 1)).toBe("job-not-found");
    jobs.add(fresh);
    expect(judge(fresh, 1)).toBeUndefined();
  }

  function recorded() {
    const warnings: string[] = [];
    const warn = (fields: unknown) => void warnings.push((fields as { event: string }).event);
    return { warnings, log: { ...silentLog, warn } as Logger };
  }

  const manyShares = Array.from({ length: 60 }, (_, nonce) => [old, nonce] as const);
  const kept = keptFrom(start, older, old);

  test("more shares than the window may hold", async () => {
    const { after } = await aRun(...manyShares);
    const { warnings, log } = recorded();
    await expectDropped(await startWorker(kept, after, { log, maxSeen: 59 }), warnings);
    const enough = await startWorker(kept, after, { maxSeen: 60 });
    expect(enough.judge(old, 59)).toBe("duplicate");
  });

  test("a damaged record", async () => {
    const { after } = await aRun(...manyShares);
    const segment = join(directory, readdirSync(directory).filter((name) => name.endsWith(".wal"))[1]!);
    const bytes = readFileSync(segment);
    bytes[1_000]! ^= 1;
    writeFileSync(segment, bytes);
    const { warnings, log } = recorded();
    await expectDropped(await startWorker(kept, after, { log }), warnings);
  });

  test.each([0, 1])("segment %i is missing", async (index) => {
    const { after } = await aRun(...manyShares);
    rmSync(join(directory, readdirSync(directory).filter((name) => name.endsWith(".wal"))[index]!));
    const { warnings, log } = recorded();
    await expectDropped(await startWorker(kept, after, { log }), warnings);
  });

  test("a journal that ends before a mark: another one, or an older copy", async () => {
    const { after } = await aRun(...manyShares);
    const marks = [
      { job: older, after },
      { job: old, after: { epoch: after.epoch, sequence: after.sequence + 1 } },
    ];
    const { warnings, log } = recorded();
    await expectDropped(await startWorker(marks, after, { log }), warnings);
    rmSync(directory, { recursive: true });
    const again = recorded();
    await expectDropped(
      await startWorker(keptFrom(after, older, old), start, { log: again.log }),
      again.warnings,
    );
  });

  test("more than may be read, even for the newest job", async () => {
    const { after } = await aRun(...manyShares);
    const { warnings, log } = recorded();
    await expectDropped(await startWorker(kept, after, { log, maxBytes: 5_000 }), warnings);
  });
});

test("where the journal behind the oldest jobs is too long, the newer ones are still known", async () => {
  const [older, newer] = [jobOf(1, 1), jobOf(2, 1)];
  const first = await aRun(...Array.from({ length: 60 }, (_, nonce) => [older, nonce] as const));
  const second = await aRun([older, 70], [newer, 1]);
  const kept = [...keptFrom(start, older), ...keptFrom(first.after, newer)];
  const { before, judge } = await startWorker(kept, second.after, { maxBytes: 10_000 });
  expect(before.jobs).toEqual([newer]);
  expect([older, newer, jobOf(3, 1)].map(before.isKnown)).toEqual([false, true, true]);
  expect([judge(older, 0), judge(newer, 1), judge(newer, 2)]).toEqual([
    "job-not-found",
    "duplicate",
    undefined,
  ]);
});

test("without old jobs nothing is read: the window is empty", async () => {
  const { before } = await startWorker([], { epoch: 9, sequence: 9 });
  expect(before.seen.size).toBe(0);
  expect(before.isKnown(jobOf(1, 1))).toBe(true);
});

test("over any run of jobs, reorganisations, shares and restarts no share counts twice", async () => {
  for (let seed = 1; seed <= 8; seed++) await live(seed);

  async function live(seed: number): Promise<void> {
    const random = randomSource(seed);
    const folders = { jobs: join(folder.path, `jobs ${seed}`), journal: join(folder.path, `${seed}`, "0-1") };
    mkdirSync(folders.jobs);
    directory = folders.journal;
    const clock = aClock();
    const counted = new Set<string>();
    const chain = [{ height: 100, tip: block(1) }];
    let last: Pick<JobData, "number" | "tipNumber" | "previousHash"> = jobOf(0, 0);
    let { kept, journal, worker } = await restart();

    /** @param primary what goes on; without it that is started anew, too. */
    async function restart(primary?: KeptJobs) {
      const reopened =
        primary ??
        openKeptJobs({
          directory: folders.jobs,
          origin: "o",
          clock,
          maxJobs: 128,
          maxAgeMs: 1e9,
          canComplete: () => true,
          onTrouble: (error) => expect.fail(String(error)),
        });
      const opened = await openTestJournal(directory);
      const started = await startWorker(reopened.forNode("0-1"), opened.committed);
      return { kept: reopened, journal: opened, worker: started };
    }

    function issue(): void {
      const { height, tip } = chain.at(-1)!;
      const sameTip = Buffer.compare(tip, last.previousHash) === 0;
      const job = jobOf(last.number + 1, last.tipNumber + (sameTip ? 0 : 1), height, tip);
      last = job;
      worker.jobs.add(job);
      kept.keep(job);
    }

    function changeTip(): void {
      const current = chain.at(-1)!;
      const choice = random.integer(0, 3);
      const height = choice === 0 ? current.height : current.height + 1;
      if (choice === 1 && chain.length > 1) chain.push(chain.at(-2)!);
      else chain.push({ height, tip: Uint8Array.from(random.bytes(32)) });
    }

    issue();
    for (let step = 0; step < 250; step++) {
      const choice = random.integer(0, 40);
      if (choice === 0) {
        await journal.close();
        const isPool = random.integer(0, 1) === 0;
        if (isPool) await kept.settled();
        ({ kept, journal, worker } = await restart(isPool ? undefined : kept));
        if (isPool || random.integer(0, 1) === 0) issue();
        else worker.jobs.add(kept.forNode("0-1").at(-1)!.job);
        continue;
      }
      if (choice === 1) kept.journalAt(journal.committed);
      if (choice === 2) changeTip();
      if (choice <= 5) {
        issue();
        continue;
      }
      const job = worker.jobs.get(random.integer(Math.max(1, last.number - 20), last.number));
      if (job === undefined) continue;
      const nonce = random.integer(0, 5);
      const share = `${job.data.number} ${nonce}`;
      const refusal = worker.judge(job.data, nonce);
      if (refusal !== (counted.has(share) ? "duplicate" : undefined))
        expect.fail(`seed ${seed}, step ${step}: share ${share} is ${refusal}`);
      if (refusal !== undefined) continue;
      await commit(journal, [aShare(nonce, { hash: hashOfVerdict(), height: job.data.height })]);
      counted.add(share);
    }
    await journal.close();
    await kept.settled();
    expect(counted.size).toBeGreaterThan(20);
  }
});
