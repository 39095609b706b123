import { expect, test } from "vitest";
import type { Target } from "../../../src/bitcoin/target.ts";
import {
  decodeRecord,
  encodeEndMark,
  encodeRecord,
  TargetCache,
  TextCache,
} from "../../../src/journal/codec.ts";
import { formatVersion, maxRecordBytes } from "../../../src/journal/format.ts";
import type { JournalBatch, JournalRecord, ShareRecord } from "../../../src/journal/index.ts";
import { type PackedBatch, packRecords } from "../../../src/journal/packed.ts";
import { batchOf } from "../../../src/ledger/batch.ts";
import { emptyPplns, type PplnsState } from "../../../src/ledger/pplns.ts";
import { anyRecord } from "../../support/journal.ts";
import { aStream, random, targetOfWork } from "../../support/ledger-records.ts";
import { randomSource } from "../../support/random.ts";
import { currentBinding } from "./binding.ts";

const addon = (await currentBinding()).addon("");
const crc32c = (data: Uint8Array, start: number, end: number) => addon.crc32c(data, start, end);
const epoch = 7;
const inTheYear2255 = 9_000_000_000_000;

interface Written {
  readonly bytes: Buffer;
  readonly offsets: readonly number[];
  readonly records: readonly JournalRecord[];
}

/** The records as a segment holds them. */
function write(records: readonly JournalRecord[], first: number): Written {
  const texts = new TextCache();
  const bytes = Buffer.alloc(records.length * maxRecordBytes);
  const offsets: number[] = [];
  let offset = 0;
  records.forEach((record, index) => {
    offsets.push(offset);
    const frame = { epoch, sequence: first + index, index };
    const [account, worker] = [texts.get(record.account), texts.get(record.worker)];
    offset += encodeRecord(bytes, offset, record, frame, account, worker, crc32c);
  });
  return { bytes: bytes.subarray(0, offset), offsets, records };
}

function pack(bytes: Buffer, first: number, maxRecords = 1_000_000): PackedBatch | undefined {
  const source = { node: "0-1", epoch, version: formatVersion, packer: addon, targets: new TargetCache() };
  return packRecords(bytes, source, first, maxRecords);
}

/** The reference: record by record, as objects. */
function decode({ bytes, offsets }: Written, first: number): JournalBatch {
  const targets = new TargetCache();
  const records = offsets.map((offset) => decodeRecord(bytes, offset, targets, formatVersion));
  return { node: "0-1", epoch, first, last: first + records.length - 1, records };
}

/** A number for each name, whichever way it is asked. */
function workerOf(account: string, worker: string): number {
  return crc32c(Buffer.from(`${account}\0${worker}`), 0, Buffer.byteLength(account + worker) + 1) >>> 1;
}

/** Everything that the ledger asks of a batch. */
function answersOf(given: JournalBatch | PackedBatch, before: PplnsState) {
  const { node, epoch, first, last, count, shares, names, days, blocks, ...batch } = batchOf(given);
  const isKnown = (hash: Uint8Array) => hash[0]! % 4 === 0;
  const { state, steps } = batch.fold(before, isKnown);
  return {
    range: { node, epoch, first, last, count, shares },
    names: new Set(names.map(({ account, worker }) => `${account}.${worker}`)),
    days,
    blocks,
    // Works are put into the books in the order of the map.
    steps: steps.map((step) => (step.kind === "add" ? { ...step, works: [...step.works] } : step)),
    state,
    body: batch.copyBody(12, workerOf, { bytes: Buffer.alloc(0) }).toString("latin1"),
  };
}

test("packed records are the records, in all that the ledger asks of a batch", () => {
  let before = emptyPplns;
  for (let seed = 1; seed <= 60; seed += 1) {
    const first = 1 + seed * 1_000_003;
    const written = write(aStream(seed, 8 * seed), first);
    const reference = decode(written, first);
    const packed = pack(written.bytes, first)!;
    const [expected, answers] = [answersOf(reference, before), answersOf(packed, before)];
    expect(answers).toEqual(expected);
    expect(packed.length).toBe(written.bytes.length);
    expect(packed.unpack()).toEqual(reference);
    before = expected.state;
  }
});

test("a batch goes on from any of its records", () => {
  const written = write(aStream(3, 300), 50);
  const reference = batchOf(decode(written, 50));
  const packed = batchOf(pack(written.bytes, 50)!);
  for (const sequence of [50, 51, 177, 349]) {
    const room = { bytes: Buffer.alloc(0) };
    const [left, right] = [packed.from(sequence), reference.from(sequence)];
    expect(left.copyBody(1, workerOf, room)).toEqual(right.copyBody(1, workerOf, room));
    expect(left.fold(emptyPplns, () => false)).toEqual(right.fold(emptyPplns, () => false));
    expect([left.first, left.last, left.count]).toEqual([sequence, 349, 350 - sequence]);
  }
});

test("records of any content are read alike, and those with times beyond 2255 are left to the reference", () => {
  const source = randomSource(11);
  const records = Array.from({ length: 20_000 }, () => {
    const record = anyRecord(source);
    const isUsual = source.integer(0, 200) > 0;
    return isUsual ? { ...record, timeMs: record.timeMs % inTheYear2255 } : record;
  });
  const written = write(records, 1);
  const reference = decode(written, 1);
  let unusual = 0;
  for (let at = 0; at < records.length; ) {
    const packed = pack(written.bytes.subarray(written.offsets[at]), at + 1, 500);
    if (packed === undefined) {
      expect(records[at]!.timeMs).toBeGreaterThan(inTheYear2255);
      unusual += 1;
      at += 1;
      continue;
    }
    const end = packed.last;
    const part = { ...reference, first: at + 1, last: end, records: reference.records.slice(at, end) };
    // Blocks ask for windows of any size, which the fold refuses alike; here only the rows are compared.
    const body = (given: JournalBatch | PackedBatch) =>
      batchOf(given).copyBody(1, workerOf, { bytes: Buffer.alloc(9) });
    expect(body(packed).equals(body(part))).toBe(true);
    at = end;
  }
  expect(unusual).toBeGreaterThan(50);
});

test("two million shares of a thousand miners come to the same rows and sums", () => {
  const pick = random(5);
  const targets: Target[] = [1n, 9_999n, 10_000n, 123_456_789n, 1n << 90n].map(targetOfWork);
  const miners = Array.from({ length: 1000 }, (_, i) => ({
    account: `account-${i % 300}`,
    worker: `rig${i}`,
    target: targets[i % targets.length]!,
  }));
  const perRound = 20_000;
  const hash = Buffer.alloc(32);
  let timeMs = Date.UTC(2026, 0, 15, 23, 59);
  for (let round = 0; round < 10; round += 1) {
    const records = Array.from({ length: perRound }, (_, i): JournalRecord => {
      timeMs += pick(3);
      hash.writeUInt32LE(pick(2 ** 31), 0);
      const share = { kind: "share", timeMs, hash: Buffer.from(hash), height: i, block: false } as const;
      return {
        ...share,
        protocol: i % 3 === 0 ? "v2" : "v1",
        scheme: i % 7 === 0 ? "solo" : "pplns",
        ...miners[pick(miners.length)]!,
      };
    });
    const written = write(records, 1);
    const reference = answersOf({ ...decode(written, 1), records }, emptyPplns);
    // The same bytes ten times over: what is kept from one batch to the next must not show.
    for (let again = 0; again < 10; again += 1) {
      const packed = pack(written.bytes, 1)!;
      const body = batchOf(packed).copyBody(12, workerOf, { bytes: Buffer.alloc(0) });
      if (body.toString("latin1") !== reference.body) expect.fail(`rows of round ${round}`);
    }
    const answers = answersOf(pack(written.bytes, 1)!, emptyPplns);
    expect(answers.state).toEqual(reference.state);
    expect(answers.steps).toEqual(reference.steps);
  }
});

test("reading stops before a byte that is not sound, wherever it is", () => {
  const written = write(aStream(8, 6), 1);
  for (let at = 0; at < written.bytes.length; at += 1) {
    const bytes = Buffer.from(written.bytes);
    bytes[at]! ^= 1 << (at % 8);
    const whole = written.offsets.findLastIndex((offset) => offset <= at);
    expect(pack(bytes, 1)?.last ?? 0).toBe(whole);
  }
});

test("reading stops before a record that is cut anywhere, and wants nothing of the bytes behind it", () => {
  const written = write(aStream(9, 4), 1);
  for (let length = 0; length <= written.bytes.length; length += 1) {
    const bytes = Buffer.from(written.bytes.subarray(0, length)); // its memory ends here
    const whole = [...written.offsets.slice(1), written.bytes.length].filter((end) => end <= length).length;
    expect(pack(bytes, 1)?.last ?? 0).toBe(whole);
  }
});

test("reading stops before an end mark, another epoch, another sequence, and after as many as are wanted", () => {
  const { bytes, offsets } = write(aStream(10, 10), 5);
  const mark = encodeEndMark({ epoch, sequence: 15, index: 0 }, crc32c);
  expect(pack(Buffer.concat([bytes, mark]), 5)?.last).toBe(14);
  expect(pack(mark, 15)).toBeUndefined();
  expect(pack(bytes, 4)).toBeUndefined();
  expect(pack(bytes, 5, 3)?.last).toBe(7);
  expect(pack(bytes, 5, 0)).toBeUndefined();
  expect(addon.surveyRecords(bytes, epoch + 1, 5, 10).groupOf).toHaveLength(0);
  const twice = Buffer.concat([bytes.subarray(0, offsets[3]), bytes.subarray(offsets[2])]);
  expect(pack(twice, 5)?.last).toBe(7);
});

test("a batch of very many miners, minutes or blocks ends early, so that no turn of the loop is long", () => {
  const names = write(
    Array.from({ length: 6_000 }, (_, i): JournalRecord => ({ ...anyShare, worker: `rig${i}` })),
    1,
  );
  expect(pack(names.bytes, 1)?.last).toBe(4_095);
  const minutes = write(
    Array.from({ length: 6_000 }, (_, i): JournalRecord => ({ ...anyShare, timeMs: (i % 2) * 60_000 })),
    1,
  );
  expect(pack(minutes.bytes, 1)?.last).toBe(2_048);
  const blocks = write(
    Array.from({ length: 6_000 }, (): JournalRecord => anyBlock),
    1,
  );
  expect(pack(blocks.bytes, 1)?.last).toBe(4_096);
});

/** A record changed in one byte and signed again, as only a faulty writer would. */
function faulty(offset: number, value: number): Buffer {
  const { bytes } = write([{ ...anyShare }], 1);
  bytes[offset] = value;
  bytes.writeUInt32LE(crc32c(bytes, 4, bytes.length), 0);
  return bytes;
}

const anyShare = aStream(1, 30).find(({ kind }) => kind === "share")!;
const anyBlock = aStream(1, 300).find(({ kind }) => kind === "block")!;

test("sound bytes that are no record are left to the reference, which names what is wrong", () => {
  for (const [offset, value] of [
    [24, 9], // kind
    [25, 3], // protocol
    [27, 200], // length of the account
  ] as const) {
    expect(pack(faulty(offset, value), 1)).toBeUndefined();
  }
  expect(() => pack(faulty(104, 0xff), 1)).toThrow(
    expect.objectContaining({ code: "JOURNAL_RECORD_INVALID" }),
  );
});

test("shares that differ in nothing but their scheme are two groups, with the fields of each", () => {
  const share = { ...anyShare, kind: "share" } as ShareRecord;
  const both = (["pplns", "solo", "pplns"] as const).map((scheme) => ({ ...share, scheme }));
  const packed = pack(write(both, 1).bytes, 1)!;
  expect(packed.groups.map(({ scheme }) => scheme)).toEqual(["pplns", "solo"]);
  expect(packed.runs).toMatchObject([
    {
      parts: [
        { group: 0, shares: 2 },
        { group: 1, shares: 1 },
      ],
    },
  ]);
});

test("flags that no version has are left to the reference, solo work in version 1 is refused by it", () => {
  for (const flags of [4, 0x82]) expect(pack(faulty(26, flags), 1)).toBeUndefined();
  const source = { node: "0-1", epoch, version: 1, packer: addon, targets: new TargetCache() };
  const read = (bytes: Buffer) => packRecords(bytes, source, 1, 10);
  expect(read(faulty(26, 1))?.last).toBe(1);
  expect(() => read(faulty(26, 2))).toThrow(expect.objectContaining({ code: "JOURNAL_RECORD_INVALID" }));
});

test("rows of other records than were surveyed are refused, and arguments that do not belong together", () => {
  const { bytes } = write([anyShare, anyShare], 1);
  const { groupOf } = addon.surveyRecords(bytes, epoch, 1, 10);
  const fields = Buffer.alloc(8);
  const rows = { records: bytes, groupOf, fields, ends: Uint32Array.of(8), columns: 1 };
  const out = Buffer.alloc(1_000);
  expect(addon.writeShareRows(rows, out)).toBe(19 + 2 * (73 + 8) + 2);
  expect(addon.writeShareRows(rows, Buffer.alloc(3))).toBe(19 + 2 * (73 + 8) + 2);
  for (const wrong of [
    { records: bytes.subarray(0, 200) },
    { records: Buffer.alloc(bytes.length) },
    { groupOf: Uint32Array.of(0, 1) },
    { groupOf: Uint32Array.of(0, 0xffff_ffff) },
    { groupOf: Uint32Array.of(0, 0, 0) },
    { ends: Uint32Array.of(9) },
    { ends: Uint32Array.of(8, 4) },
    { ends: [8] },
    { columns: -1 },
    { fields: "text" },
  ]) {
    expect(() => addon.writeShareRows({ ...rows, ...wrong } as typeof rows, out)).toThrow(TypeError);
  }
});
