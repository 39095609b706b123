import { expect, test } from "vitest";
import type { FrameLaneGrant, PreparedJob } from "../../../src/native/addon.ts";
import { frameLayout as at, refusalCodes } from "../../../src/native/layout.ts";
import {
  submitSharesError,
  submitSharesExtended,
  submitSharesStandard,
} from "../../../src/protocol/v2/shares.ts";
import { currentBinding } from "./binding.ts";

const addon = (await currentBinding()).addon("");

function prepare(changes: Partial<Parameters<typeof addon.prepareJob>[0]> = {}): PreparedJob {
  return addon.prepareJob({
    version: 0x20000000,
    previousHash: new Uint8Array(32),
    bits: 0x17034267,
    minTime: 1_000,
    coinbase1: new Uint8Array(60),
    coinbase2: new Uint8Array(60),
    extranonce2Length: 8,
    merkleBranch: new Uint8Array(64),
    networkTarget: new Uint8Array(32),
    tipNumber: 1,
    ...changes,
  });
}

const job = prepare();
const wideJob = prepare({ extranonce2Length: 16 });

/** Of channel 5, which is a standard one. */
const grant: FrameLaneGrant = {
  channelId: 5,
  jobName: 1,
  extranonce2: new Uint8Array(8),
  ntimeMin: 0,
  extranonce1: 1,
  versionMask: 0x1fffe000,
  account: Buffer.from("account"),
  worker: Buffer.from("worker"),
  jobNumber: 1,
  prepared: job,
  target: new Uint8Array(32).fill(0xff),
  work: new Uint8Array(16),
  height: 100,
  solo: false,
  tag: 50,
};
const extended = { ...grant, channelId: 7, extranonce2: undefined, extranonce1: 2, tag: 70 };
const wide = { ...extended, channelId: 9, prepared: wideJob, extranonce1: 3, tag: 90 };

const errorCodes = refusalCodes.map((code) => code ?? "");

function aLane(...grants: FrameLaneGrant[]) {
  const intake = addon.createIntake({
    seen: addon.createSeenWindow(10_000),
    acceptedTail: "",
    refusalTails: errorCodes,
    errorCodes,
  });
  const lane = addon.createFrameLane();
  for (const one of grants) addon.grantFrames(lane, one);
  return { intake, lane };
}

interface Place {
  readonly from?: number;
  readonly oldestJob?: number;
  readonly journal?: Uint8Array;
  readonly answers?: Uint8Array;
  readonly accepted?: Uint32Array;
}

/** One call; what it took. */
function take({ intake, lane }: ReturnType<typeof aLane>, frames: readonly Buffer[], place: Place = {}) {
  const { from = 0, oldestJob = 0, journal = Buffer.alloc(200_000) } = place;
  const { answers = Buffer.alloc(10_000), accepted = new Uint32Array(2_000) } = place;
  const bytes = Buffer.concat(frames);
  const frame = new Float64Array(at.length);
  frame[at.from] = from;
  frame[at.oldestJob] = oldestJob;
  frame[at.timeMs] = 1_700_000_000_000;
  frame[at.ntimeMax] = 2_000_000_000;
  frame[at.journalEnd] = journal.length;
  addon.takeFrames(intake, lane, bytes, journal, answers, frame, accepted);
  return {
    taken: frame[at.taken],
    again: frame[at.again],
    accepted: [...accepted.subarray(0, 2 * frame[at.records]!)],
    answers: Buffer.from(answers.subarray(0, frame[at.answerBytes])),
  };
}

let count = 0;
interface Changes {
  readonly jobId?: number;
  readonly nonce?: number;
  readonly ntime?: number;
  readonly version?: number;
}

function standardShare(sequenceNumber: number, channelId = 5, changes: Changes = {}): Buffer {
  const usual = { jobId: 1, nonce: ++count, ntime: 1_700_000_000, version: 0x20000000 };
  return submitSharesStandard.encode({ channelId, sequenceNumber, ...usual, ...changes });
}

function extendedShare(sequenceNumber: number, channelId = 7, length = 8, changes: Changes = {}): Buffer {
  const usual = { jobId: 1, nonce: ++count, ntime: 1_700_000_000, version: 0x20000000 };
  const extranonce = Buffer.alloc(length, 3);
  return submitSharesExtended.encode({ channelId, sequenceNumber, ...usual, ...changes, extranonce });
}

function errorOf(channelId: number, sequenceNumber: number, code: (typeof refusalCodes)[number]): Buffer {
  return submitSharesError.encode({ channelId, sequenceNumber, errorCode: code! });
}

test("takes whole frames of many channels at the front, and leaves the one that has not ended", () => {
  const lane = aLane(grant, extended, wide);
  const frames = [standardShare(11), extendedShare(12), extendedShare(13, 9, 16), standardShare(14)];
  const bytes = Buffer.concat(frames);
  expect(take(lane, [bytes, standardShare(15).subarray(0, -1)])).toEqual({
    taken: bytes.length,
    again: 0,
    accepted: [50, 11, 70, 12, 90, 13, 50, 14],
    answers: Buffer.alloc(0),
  });
});

test("refused shares are answered with their channel and number, in order", () => {
  const lane = aLane(grant, { ...extended, target: new Uint8Array(32), ntimeMin: 1_600_000_000 });
  const first = standardShare(1);
  const frames = [
    first,
    first,
    standardShare(2, 5, { ntime: 999 }),
    standardShare(3, 5, { ntime: 2_000_000_001 }),
    standardShare(4, 5, { version: 0x20000001 }),
    standardShare(5, 5, { version: 0x00002000 }),
    extendedShare(6, 7, 8, { ntime: 1_599_999_999 }),
    extendedShare(7),
  ];
  expect(take(lane, frames)).toEqual({
    taken: Buffer.concat(frames).length,
    again: 0,
    accepted: [50, 1],
    answers: Buffer.concat([
      errorOf(5, 1, "duplicate"),
      errorOf(5, 2, "ntime-out-of-range"),
      errorOf(5, 3, "ntime-out-of-range"),
      errorOf(5, 4, "version-bits-not-allowed"),
      errorOf(5, 5, "version-bits-not-allowed"),
      errorOf(7, 6, "ntime-out-of-range"),
      errorOf(7, 7, "low-difficulty"),
    ]),
  });
});

test("a version is the header's own: bits of the mask may differ from the job's, set or not", () => {
  const rolled = prepare({ version: 0x20006000 });
  const lane = aLane({ ...grant, prepared: rolled });
  const versions = [0x20006000, 0x20000000, 0x3fffe000, 0x20002000];
  expect(
    take(
      lane,
      versions.map((version, i) => standardShare(i, 5, { version })),
    ).accepted,
  ).toEqual([50, 0, 50, 1, 50, 2, 50, 3]);
});

test("stops at the first frame that is not its own, wherever it stands", () => {
  const mine = standardShare(1);
  const withTlv = Buffer.concat([extendedShare(2), Buffer.of(2, 0, 1, 0, 0)]);
  withTlv.writeUIntLE(withTlv.length - 6, 3, 3);
  const tooLong = Buffer.concat([standardShare(2), Buffer.of(0)]);
  tooLong[3] = 25;
  const notAboutChannels = standardShare(2);
  notAboutChannels[1] = 0;
  const ofAnExtension = standardShare(2);
  ofAnExtension[0] = 2;
  for (const other of [
    standardShare(2, 6),
    standardShare(2, 7),
    extendedShare(2, 5),
    standardShare(2, 5, { jobId: 2 }),
    extendedShare(2, 7, 7),
    extendedShare(2, 7, 16),
    extendedShare(2, 9, 8),
    withTlv,
    tooLong,
    notAboutChannels,
    ofAnExtension,
    submitSharesError.encode({ channelId: 5, sequenceNumber: 1, errorCode: "duplicate-share" }),
    Buffer.alloc(6),
  ]) {
    const text = other.toString("hex");
    expect(take(aLane(grant, extended, wide), [mine, other, mine]), text).toMatchObject({
      taken: mine.length,
      again: 0,
    });
    expect(take(aLane(grant, extended, wide), [other, mine]), text).toMatchObject({ taken: 0, accepted: [] });
  }
});

test("goes on from where it is told to", () => {
  const [first, second] = [standardShare(1), standardShare(2)];
  expect(take(aLane(grant), [first, second], { from: first.length })).toMatchObject({
    taken: first.length + second.length,
    accepted: [50, 2],
  });
});

test("a share whose hash meets the network's target is left, and nothing is remembered of it", () => {
  const easy = prepare({ networkTarget: new Uint8Array(32).fill(0xff) });
  const lane = aLane(grant, { ...extended, prepared: easy });
  const mine = standardShare(1);
  const block = extendedShare(2);
  for (let i = 0; i < 2; i++) expect(take(lane, [block, mine])).toMatchObject({ taken: 0, accepted: [] });
  expect(take(lane, [mine, block])).toMatchObject({ taken: mine.length, accepted: [50, 1] });
});

test("a full window is left to JavaScript", () => {
  const { lane } = aLane(grant);
  const intake = addon.createIntake({
    seen: addon.createSeenWindow(1),
    acceptedTail: "",
    refusalTails: errorCodes,
    errorCodes,
  });
  const first = standardShare(1);
  expect(take({ intake, lane }, [first, standardShare(2)])).toMatchObject({ taken: first.length, again: 0 });
});

test("what channels were granted stands beside each other, and is taken back one by one or all at once", () => {
  const lane = aLane();
  const channels = Array.from({ length: 1_000 }, (_, i) => i + 1);
  for (const channelId of channels)
    addon.grantFrames(lane.lane, { ...grant, channelId, extranonce1: channelId, tag: channelId });
  const all = (from: number) => channels.map((channelId) => standardShare(from + channelId, channelId));
  expect(take(lane, all(0)).accepted).toEqual(channels.flatMap((channelId) => [channelId, channelId]));
  addon.forgetFrames(lane.lane, 500);
  expect(take(lane, all(0)).taken).toBe(499 * 30);
  addon.forgetFrames(lane.lane, 500);
  addon.forgetFrames(lane.lane);
  expect(take(lane, all(0)).taken).toBe(0);
});

test("a channel has four jobs at most: the oldest goes, and one of the same name is replaced", () => {
  const lane = aLane();
  for (const jobName of [1, 2, 3, 4, 2, 5]) addon.grantFrames(lane.lane, { ...grant, jobName, tag: jobName });
  const taken = [1, 2, 3, 4, 5].map((jobId) => take(lane, [standardShare(jobId, 5, { jobId })]).accepted);
  expect(taken).toEqual([[], [2, 2], [3, 3], [4, 4], [5, 5]]);
});

test("a channel that is someone else's now has nothing of what it was granted before", () => {
  for (const changes of [
    { extranonce1: 9 },
    { versionMask: 0 },
    { account: Buffer.from("other") },
    { worker: Buffer.from("other") },
  ]) {
    const lane = aLane(grant, extended, { ...grant, jobName: 2, ...changes });
    expect(take(lane, [standardShare(1)]).taken).toBe(0);
    expect(take(lane, [standardShare(2, 5, { jobId: 2 }), extendedShare(3)]).accepted).toEqual([
      50, 2, 70, 3,
    ]);
  }
});

test("nothing is taken for a job that is not held any more", () => {
  expect(take(aLane(grant), [standardShare(1)], { oldestJob: 2 })).toMatchObject({ taken: 0, accepted: [] });
});

test("without room for a record, an answer or a number it stops, and says that there is more", () => {
  const nothing = { taken: 0, again: 1, accepted: [] };
  expect(take(aLane(grant), [standardShare(1)], { journal: Buffer.alloc(100) })).toMatchObject(nothing);
  expect(take(aLane(grant), [standardShare(1)], { answers: Buffer.alloc(38) })).toMatchObject(nothing);
  const accepted = new Uint32Array(3);
  expect(take(aLane(grant), [standardShare(1), standardShare(2)], { accepted })).toMatchObject({
    taken: 30,
    again: 1,
    accepted: [50, 1],
  });
});

test("records are V2's, and say by the job whether the work was solo", () => {
  const journal = Buffer.alloc(1_000);
  take(aLane(grant, { ...extended, solo: true }), [standardShare(1), extendedShare(2)], { journal });
  const second = journal.readUInt32LE(4);
  expect([journal[25], journal[26], journal[second + 25], journal[second + 26]]).toEqual([2, 0, 2, 2]);
});

test("what is no lane, buffer or number of the right kind is a TypeError that names it", () => {
  const { intake, lane } = aLane();
  const bytes = Buffer.alloc(12);
  const frame = new Float64Array(at.length);
  const numbers = new Uint32Array(2);
  const call =
    (...args: unknown[]) =>
    () =>
      (addon.takeFrames as (...all: unknown[]) => void)(...args);
  expect(call(intake, addon.createLineLane(), bytes, bytes, bytes, frame, numbers)).toThrow(/^lane/);
  expect(call(intake, lane, bytes, bytes, bytes, frame, "numbers")).toThrow(/^accepted/);
  expect(call(intake, lane, bytes, bytes, bytes, frame, bytes.subarray(1, 9))).toThrow(
    "accepted must be a Uint32Array",
  );
  expect(() => addon.forgetFrames(lane, -1)).toThrow("channelId");
  const granting = (changes: object) => () => addon.grantFrames(lane, { ...grant, ...changes });
  expect(granting({ channelId: -1 })).toThrow("grant.channelId");
  expect(granting({ jobName: 2 ** 32 })).toThrow("grant.jobName");
  expect(granting({ extranonce2: new Uint8Array(7) })).toThrow("grant.extranonce2 must have 8 bytes, not 7");
  expect(granting({ prepared: wideJob })).toThrow("grant.extranonce2 must have 16 bytes, not 8");
  expect(granting({ ntimeMin: undefined })).toThrow("grant.ntimeMin");
  expect(granting({ worker: Buffer.alloc(256) })).toThrow(
    "grant.worker must have at most 255 bytes, not 256",
  );
  const options = { seen: addon.createSeenWindow(1), acceptedTail: "", refusalTails: errorCodes };
  const creating = (errors: unknown) => () =>
    addon.createIntake({ ...options, errorCodes: errors as string[] });
  expect(creating(undefined)).toThrow("options.errorCodes");
  expect(creating(errorCodes.map((code) => code.padEnd(256)))).toThrow(
    "each of options.errorCodes must have at most 255 bytes",
  );
});
