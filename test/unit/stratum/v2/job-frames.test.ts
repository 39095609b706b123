import { expect, test } from "vitest";
import type { LiveJob } from "../../../../src/jobs/live-jobs.ts";
import type { PreparedJob } from "../../../../src/native/addon.ts";
import { newExtendedMiningJob, newMiningJob, setNewPrevHash } from "../../../../src/protocol/v2/jobs.ts";
import { JobFrames } from "../../../../src/stratum/v2/job-frames.ts";
import { aV2Job } from "../../../support/v2-pool.ts";

const data = aV2Job({ number: 10 });
const job: LiveJob = { data, prepared: {} as PreparedJob };

test("the same job goes to each under its own ids, active or future, and nothing of one is in another's", () => {
  const frames = new JobFrames(true);
  const addressed = [
    { channelId: 2, jobName: 1, minNtime: undefined },
    { channelId: 0xffffffff, jobName: 7, minNtime: 1_700_000_050 },
    { channelId: 3, jobName: 1, minNtime: undefined },
    { channelId: 4, jobName: 8, minNtime: 1_700_000_051 },
  ];
  const made = addressed.map((one) => frames.extended(job, one));
  for (const [index, { channelId, jobName, minNtime }] of addressed.entries())
    expect(made[index]).toEqual(
      newExtendedMiningJob.encode({
        channelId,
        jobId: jobName,
        minNtime,
        version: data.version,
        versionRollingAllowed: true,
        merklePath: data.merkleBranch,
        coinbaseTxPrefix: data.coinbase1,
        coinbaseTxSuffix: data.coinbase2,
      }),
    );
});

test("another job is not taken for the one before", () => {
  const frames = new JobFrames(false);
  const other = { ...job, data: aV2Job({ number: 11 }) };
  const to = { channelId: 2, jobName: 1, minNtime: undefined };
  const [first, second, again] = [job, other, job].map((one) => frames.extended(one, to));
  expect(second).not.toEqual(first);
  expect(again).toEqual(first);
});

test.each([undefined, 1_700_000_050])(
  "a standard job with min_ntime %s has the root that it is given",
  (minNtime) => {
    const merkleRoot = Buffer.alloc(32, 9);
    const frame = new JobFrames(true).standard(job, { channelId: 2, jobName: 5, minNtime }, merkleRoot);
    const { version } = data;
    expect(frame).toEqual(newMiningJob.encode({ channelId: 2, jobId: 5, minNtime, version, merkleRoot }));
  },
);

test("a tip has its job begin no earlier than the job starts", () => {
  const frames = new JobFrames(true);
  for (const [channelId, jobName] of [
    [2, 1],
    [5, 9],
  ] as const)
    expect(frames.prevHash(job, channelId, jobName)).toEqual(
      setNewPrevHash.encode({
        channelId,
        jobId: jobName,
        previousHash: data.previousHash,
        minNtime: data.startTime,
        nbits: data.bits,
      }),
    );
});
