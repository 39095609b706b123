import { expect, test } from "vitest";
import type { Intake, LineLane, LineLaneGrant, PreparedJob, SeenWindow } from "../../../src/native/addon.ts";
import { frameLayout as at } from "../../../src/native/layout.ts";
import { currentBinding } from "./binding.ts";

const addon = (await currentBinding()).addon("");

const job = addon.prepareJob({
  version: 0x20000000,
  previousHash: new Uint8Array(32),
  bits: 0x17034267,
  minTime: 0,
  coinbase1: new Uint8Array(60),
  coinbase2: new Uint8Array(60),
  extranonce2Length: 8,
  merkleBranch: new Uint8Array(64),
  networkTarget: new Uint8Array(32),
  tipNumber: 1,
});

const grant: LineLaneGrant = {
  extranonce1: 1,
  versionMask: 0,
  user: "user",
  account: Buffer.from("account"),
  worker: Buffer.from("worker"),
  jobNumber: 1,
  variant: 0,
  prepared: job,
  target: new Uint8Array(32).fill(0xff),
  work: new Uint8Array(16),
  height: 100,
  solo: false,
  tag: 5,
};

/** By src/journal/format.ts; bit 1 says solo. */
const flagsOffset = 26;

const refusalTails = [0, 1, 2, 3, 4, 5, 6].map((code) => `,refused ${code}\n`);

function anIntake(changes: Partial<LineLaneGrant> = {}) {
  const intake = addon.createIntake({
    seen: addon.createSeenWindow(1_000),
    acceptedTail: ",accepted\n",
    refusalTails,
    errorCodes: refusalTails,
  });
  const lane = addon.createLineLane();
  addon.grantLines(lane, { ...grant, ...changes });
  return { intake, lane };
}

interface Place {
  readonly from?: number;
  readonly oldestJob?: number;
  readonly journal?: Uint8Array;
  readonly answers?: Uint8Array;
}

/** One call; what it took, in numbers and in text. */
function take({ intake, lane }: { intake: Intake; lane: LineLane }, text: string, place: Place = {}) {
  const { from = 0, oldestJob = 0, journal = Buffer.alloc(10_000) } = place;
  const answers = place.answers ?? Buffer.alloc(10_000);
  const frame = new Float64Array(at.length);
  frame[at.from] = from;
  frame[at.oldestJob] = oldestJob;
  frame[at.timeMs] = 1_700_000_000_000;
  frame[at.ntimeMax] = 0xffffffff;
  frame[at.journalEnd] = journal.length;
  frame[at.epoch] = 9;
  frame[at.sequence] = 77;
  addon.takeLines(intake, lane, Buffer.from(text), journal, answers, frame);
  return {
    taken: frame[at.taken],
    again: frame[at.again],
    records: frame[at.records],
    tag: frame[at.tag],
    answers: Buffer.from(answers).toString("latin1", 0, frame[at.answerBytes]),
  };
}

let count = 0;
function line(id: number | string = 1, name = "000000000100"): string {
  const extranonce2 = (++count).toString(16).padStart(16, "0");
  return `{"id":${id},"method":"mining.submit","params":["user","${name}","${extranonce2}","6553f100","00000001"]}\n`;
}

test("takes whole lines at the front and leaves the one that has not ended", () => {
  const text = line(1) + line(2);
  expect(take(anIntake(), text + line(3).slice(0, -1))).toEqual({
    taken: text.length,
    again: 0,
    records: 2,
    tag: 5,
    answers: '{"id":1,accepted\n{"id":2,accepted\n',
  });
});

test("stops at the first line that is not its own, wherever it stands", () => {
  const mine = line();
  for (const other of [
    "\n",
    '{"id":1,"method":"mining.authorize","params":["user","x"]}\n',
    line(1, "000000000101"),
    line(1, "000000000200"),
    line().replace("user", "other"),
    line().replace("6553f100", ""),
    `${" ".repeat(1_100)}${line()}`,
  ]) {
    expect(take(anIntake(), mine + other + line()), other).toMatchObject({ taken: mine.length, again: 0 });
    expect(take(anIntake(), other + mine), other).toMatchObject({ taken: 0, records: 0, answers: "" });
  }
});

test("goes on from where it is told to", () => {
  const [first, second] = [line(1), line(2)];
  expect(take(anIntake(), first + second, { from: first.length })).toMatchObject({
    taken: first.length + second.length,
    records: 1,
    answers: '{"id":2,accepted\n',
  });
});

test("a share whose hash meets the network's target is left, and nothing is remembered of it", () => {
  const easy = addon.prepareJob({
    version: 1,
    previousHash: new Uint8Array(32),
    bits: 0,
    minTime: 0,
    coinbase1: new Uint8Array(60),
    coinbase2: new Uint8Array(60),
    extranonce2Length: 8,
    merkleBranch: new Uint8Array(),
    networkTarget: new Uint8Array(32).fill(0xff),
    tipNumber: 1,
  });
  expect(take(anIntake({ prepared: easy }), line())).toMatchObject({ taken: 0, records: 0, answers: "" });
});

test("a job with a longer extranonce2 than V1's is not granted", () => {
  const wide = addon.prepareJob({
    version: 1,
    previousHash: new Uint8Array(32),
    bits: 0,
    minTime: 0,
    coinbase1: new Uint8Array(60),
    coinbase2: new Uint8Array(60),
    extranonce2Length: 16,
    merkleBranch: new Uint8Array(),
    networkTarget: new Uint8Array(32),
    tipNumber: 1,
  });
  expect(() => anIntake({ prepared: wide })).toThrow(
    new TypeError("grant.prepared must be a job with an extranonce2 of 8 bytes"),
  );
});

test("the same share twice in one read is refused once, as a duplicate", () => {
  const text = line();
  expect(take(anIntake(), text + text)).toMatchObject({
    records: 1,
    answers: '{"id":1,accepted\n{"id":1,refused 1\n',
  });
});

test("records say whether the work was solo, and by the job it was", () => {
  for (const solo of [false, true]) {
    const parts = anIntake({ solo });
    addon.grantLines(parts.lane, { ...grant, jobNumber: 2, solo: !solo });
    const journal = Buffer.alloc(1_000);
    expect(take(parts, line() + line(2, "000000000200"), { journal }).records).toBe(2);
    const second = journal.readUInt32LE(4);
    const flags = [journal[flagsOffset], journal[second + flagsOffset]];
    expect(flags).toEqual(solo ? [2, 0] : [0, 2]);
  }
});

test("without room for a record or an answer it stops, and says that there is more", () => {
  const text = line();
  expect(take(anIntake(), text, { journal: Buffer.alloc(100) })).toMatchObject({
    taken: 0,
    again: 1,
    records: 0,
  });
  expect(take(anIntake(), text, { answers: Buffer.alloc(16) })).toMatchObject({
    taken: 0,
    again: 1,
    records: 0,
  });
  const both = take(anIntake(), line(1) + line(2), { journal: Buffer.alloc(200) });
  expect(both).toMatchObject({ again: 1, records: 1, answers: '{"id":1,accepted\n' });
});

test("nothing is taken for a job that is not held any more, nor after a lane was closed", () => {
  expect(take(anIntake(), line(), { oldestJob: 2 })).toMatchObject({ taken: 0, records: 0 });
  const parts = anIntake();
  addon.forgetLines(parts.lane);
  expect(take(parts, line())).toMatchObject({ taken: 0, records: 0 });
});

test("what is no intake, lane, buffer or number of the right kind is a TypeError that names it", () => {
  const { intake, lane } = anIntake();
  const bytes = Buffer.alloc(10);
  const frame = new Float64Array(at.length);
  const call =
    (...args: unknown[]) =>
    () =>
      (addon.takeLines as (...all: unknown[]) => void)(...args);
  expect(call({}, lane, bytes, bytes, bytes, frame)).toThrow(/^intake/);
  expect(call(intake, intake, bytes, bytes, bytes, frame)).toThrow(/^lane/);
  expect(call(intake, lane, "text", bytes, bytes, frame)).toThrow(/^bytes must be a Uint8Array/);
  expect(call(intake, lane, bytes, bytes, bytes, new Float64Array(3))).toThrow(/^frame must have 176 bytes/);
  for (const [place, value, name] of [
    [at.from, 11, "from"],
    [at.from, 0.5, "from"],
    [at.journalEnd, 11, "journalEnd"],
    [at.journalStart, 1, "journalStart"],
    [at.sequence, Number.NaN, "sequence"],
    [at.epoch, 2 ** 32, "epoch"],
    [at.timeMs, -1, "timeMs"],
  ] as const) {
    const wrong = new Float64Array(at.length);
    wrong[place] = value;
    expect(call(intake, lane, bytes, bytes, bytes, wrong)).toThrow(`frame: ${name} must be a whole number`);
  }
});

test("a grant with a part that is missing, too long or out of range is a TypeError that names it", () => {
  const lane = addon.createLineLane();
  const granting = (changes: object) => () => addon.grantLines(lane, { ...grant, ...changes });
  expect(granting({ account: Buffer.alloc(256) })).toThrow(
    "grant.account must have at most 255 bytes, not 256",
  );
  expect(granting({ target: new Uint8Array(31) })).toThrow("grant.target must have 32 bytes, not 31");
  expect(granting({ variant: 256 })).toThrow("grant.variant");
  expect(granting({ jobNumber: -1 })).toThrow("grant.jobNumber");
  expect(granting({ prepared: {} as PreparedJob })).toThrow("grant.prepared");
  expect(granting({ user: 7 })).toThrow("grant.user must be a string");
  expect(granting({ solo: 1 })).toThrow("grant.solo must be a boolean");
  expect(granting({ solo: undefined })).toThrow("grant.solo must be a boolean");
  const options = { seen: {} as SeenWindow, acceptedTail: "", refusalTails, errorCodes: refusalTails };
  expect(() => addon.createIntake(options)).toThrow("options.seen");
});
