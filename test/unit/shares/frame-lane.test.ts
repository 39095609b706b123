import { beforeEach, expect, test } from "vitest";
import { targetOf } from "../../../src/bitcoin/target.ts";
import { createLiveJobs } from "../../../src/jobs/live-jobs.ts";
import { loadAddon } from "../../../src/native/index.ts";
import { submitSharesError, submitSharesStandard } from "../../../src/protocol/v2/shares.ts";
import type { FrameGrant, FrameLane, FrameRun } from "../../../src/shares/frame-lane.ts";
import { createNativeIntake } from "../../../src/shares/native-intake.ts";
import { aClock } from "../../support/clock.ts";
import { aJob } from "../../support/jobs.ts";
import { MemoryJournal } from "../../support/memory-journal.ts";
import { hardBits } from "../../support/stratum.ts";
import { currentBinding } from "../native/binding.ts";

await currentBinding();
const addon = loadAddon();

interface AChannel {
  readonly id: number;
}

const easy = { target: targetOf(2n ** 256n - 1n), difficulty: 1 };
const impossible = { target: targetOf(2n ** 200n), difficulty: 1e12 };
let journal: MemoryJournal;
let lane: FrameLane<AChannel>;
let events: string[];
let job: FrameGrant<AChannel>["job"];

beforeEach(() => {
  events = [];
  journal = new MemoryJournal(addon, 1 << 20);
  const seen = addon.createSeenWindow(100_000);
  const jobs = createLiveJobs({ addon, maxJobs: 10, onTipsDropped: () => {} });
  job = jobs.add(aJob({ bits: hardBits }));
  const intake = createNativeIntake({
    addon,
    seen,
    jobs,
    journal,
    clock: aClock(),
    ntimeAheadSeconds: 7_000,
    isVersionRollingAllowed: true,
    counters: {
      received: (protocol, shares) => events.push(`received ${protocol} ${shares}`),
      answered: (protocol, result, shares) => events.push(`${result} ${protocol} ${shares}`),
      accepted: (protocol, work, shares) => events.push(`durable ${protocol} ${work} ${shares}`),
      windowFull: () => {},
    },
  });
  lane = intake.createFrameLane();
});

function grant(channel: AChannel, changes: Partial<FrameGrant<AChannel>> = {}): void {
  lane.grant({
    channel,
    jobName: 1,
    job,
    assignment: easy,
    extranonce1: channel.id,
    extranonce2: new Uint8Array(8),
    ntimeMin: 0,
    versionMask: 0,
    account: "account",
    worker: "worker",
    scheme: "pplns",
    ...changes,
  });
}

let sequenceNumber = 0;
function share(channelId: number, jobId = 1): Buffer {
  sequenceNumber += 1;
  const usual = { nonce: sequenceNumber, ntime: 1_700_000_000, version: 0x20000000 };
  return submitSharesStandard.encode({ channelId, sequenceNumber, jobId, ...usual });
}

/** @returns how many frames were taken, and what was said of them. */
function take(...frames: Buffer[]) {
  const runs: FrameRun<AChannel>[] = [];
  const taken = lane.take(Buffer.concat(frames), 0, (run) => {
    runs.push(run);
    return (durable) => events.push(`settled ${durable}`);
  });
  return { taken: taken / 30, runs };
}

test("accepted shares come back in order with their channels, what credits them and their numbers", () => {
  const [first, second] = [{ id: 5 }, { id: 6 }];
  const harder = { target: targetOf(2n ** 256n - 2n), difficulty: 2 };
  grant(first);
  grant(second, { assignment: harder });
  const { runs } = take(share(5), share(6), share(5));
  expect(runs[0]!.accepted).toEqual([
    { channel: first, assignment: easy, sequenceNumber: sequenceNumber - 2 },
    { channel: second, assignment: harder, sequenceNumber: sequenceNumber - 1 },
    { channel: first, assignment: easy, sequenceNumber },
  ]);
  expect(runs[0]!.accepted[0]!.channel).toBe(first);
  expect(runs[0]!.answers).toHaveLength(0);
});

test.each([true, false])("they are counted, and settled, after their commit: durable is %s", (durable) => {
  grant({ id: 5 });
  take(share(5), share(5), share(5));
  expect(events).toEqual(["received v2 3"]);
  journal.commit(durable);
  expect(events.slice(1)).toEqual(
    durable
      ? [`durable v2 ${3n * easy.target.work} 3`, "accepted v2 3", "settled true"]
      : ["unavailable v2 3", "settled false"],
  );
});

test("refused shares are answered at once by the customary code, and wait for nothing", () => {
  grant({ id: 5 }, { assignment: impossible });
  const { runs } = take(share(5));
  const error = submitSharesError.encode({ channelId: 5, sequenceNumber, errorCode: "difficulty-too-low" });
  expect(runs).toEqual([
    {
      answers: error,
      submissions: 1,
      refused: [{ reason: "low-difficulty", submissions: 1 }],
      accepted: [],
    },
  ]);
  expect(events).toEqual(["low-difficulty v2 1", "received v2 1"]);
});

test("answers are the receiver's own: the next run does not change them", () => {
  grant({ id: 5 }, { assignment: impossible });
  const { answers } = take(share(5)).runs[0]!;
  const before = Buffer.from(answers);
  take(share(5));
  expect(answers).toEqual(before);
});

test("what was granted is taken back for one channel, or for all", () => {
  expect(lane.isOpen).toBe(false);
  grant({ id: 5 });
  grant({ id: 6 });
  lane.forgetChannel(5);
  lane.forgetChannel(7);
  expect([take(share(5)).taken, take(share(6)).taken, lane.isOpen]).toEqual([0, 1, true]);
  lane.forget();
  expect([take(share(6)).taken, lane.isOpen]).toEqual([0, false]);
});

test("another target for the same job holds from then on", () => {
  grant({ id: 5 }, { assignment: impossible });
  grant({ id: 5 });
  expect(take(share(5)).runs[0]!.accepted[0]!.assignment).toBe(easy);
});

test("a fifth job of a channel begins anew, and leaves other channels what they have", () => {
  grant({ id: 6 });
  for (let jobName = 1; jobName <= 5; jobName++) grant({ id: 5 }, { jobName });
  expect([1, 2, 3, 4, 5].map((jobName) => take(share(5, jobName)).taken)).toEqual([0, 0, 0, 0, 1]);
  expect(take(share(6)).taken).toBe(1);
});

test("4,096 channels have room, and the next begins anew", () => {
  for (let id = 1; id <= 4_096; id++) grant({ id });
  expect([take(share(1)).taken, take(share(4_096)).taken]).toEqual([1, 1]);
  grant({ id: 5_000 });
  expect([take(share(1)).taken, take(share(5_000)).taken]).toEqual([0, 1]);
});
