import { expect, test } from "vitest";
import {
  batchStartAt,
  decodeRecord,
  encodeEndMark,
  encodeRecord,
  isEndMarkAt,
  sequenceAt,
  TargetCache,
  TextCache,
  validRecordAt,
} from "../../../src/journal/codec.ts";
import { endMarkBytes, formatVersion, maxRecordBytes } from "../../../src/journal/format.ts";
import type { JournalRecord } from "../../../src/journal/record.ts";
import { aBlock, anyRecord, aShare, aSoloBlock, crc32c } from "../../support/journal.ts";
import { randomSource } from "../../support/random.ts";

const epoch = 1_767_225_600;
const texts = new TextCache();

function encoded(record: JournalRecord, frame = { epoch, sequence: 5, index: 2 }, fill = 0xff): Buffer {
  const bytes = Buffer.alloc(maxRecordBytes, fill);
  const [account, worker] = [texts.get(record.account), texts.get(record.worker)];
  return bytes.subarray(0, encodeRecord(bytes, 0, record, frame, account, worker, crc32c));
}

function decoded(bytes: Buffer, version = formatVersion): JournalRecord {
  return decodeRecord(bytes, 0, new TargetCache(), version);
}

test("every record comes back from its bytes as it went in", () => {
  const random = randomSource(1);
  for (let i = 0; i < 2_000; i++) {
    const record = anyRecord(random);
    const sequence = random.integer(1, Number.MAX_SAFE_INTEGER - 1);
    const index = random.integer(0, Math.min(sequence - 1, 0xffff_ffff));
    const bytes = encoded(record, { epoch, sequence, index });
    expect(bytes.length % 8).toBe(0);
    expect(validRecordAt(bytes, 0, bytes.length, epoch, crc32c)).toBe(bytes.length);
    expect(sequenceAt(bytes, 0)).toBe(sequence);
    expect(batchStartAt(bytes, 0)).toBe(sequence - index);
    expect(decoded(bytes)).toEqual(record);
  }
});

test("a share says its protocol in one byte", () => {
  for (const [protocol, byte] of [
    ["v1", 1],
    ["v2", 2],
  ] as const) {
    const bytes = encoded(aShare(1, { protocol }));
    expect(bytes[25]).toBe(byte);
    expect(decoded(bytes)).toMatchObject({ kind: "share", protocol });
  }
});

test("the same record has the same bytes, whatever the buffer held before", () => {
  for (const record of [aShare(), aBlock(), aSoloBlock()]) {
    expect(encoded(record, undefined, 0x00)).toEqual(encoded(record, undefined, 0xff));
  }
});

test("a record with any single byte changed is not valid", () => {
  for (const record of [aShare(), aBlock(), aSoloBlock()]) {
    const sound = encoded(record);
    for (let offset = 0; offset < sound.length; offset++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const bytes = Buffer.from(sound);
        bytes[offset]! ^= flip;
        expect(validRecordAt(bytes, 0, bytes.length, epoch, crc32c), `byte ${offset}`).toBe(0);
      }
    }
  }
});

test("a record that is cut anywhere is not valid", () => {
  const sound = encoded(aShare());
  for (let end = 0; end < sound.length; end++) {
    expect(validRecordAt(sound, 0, end, epoch, crc32c), `cut at ${end}`).toBe(0);
  }
});

test("a record of another epoch is not valid here", () => {
  const bytes = encoded(aShare());
  expect(validRecordAt(bytes, 0, bytes.length, epoch + 1, crc32c)).toBe(0);
});

test("the end mark is valid, carries its sequence and is no record", () => {
  const mark = encodeEndMark({ epoch, sequence: 9, index: 0 }, crc32c);
  expect(validRecordAt(mark, 0, mark.length, epoch, crc32c)).toBe(endMarkBytes);
  expect([sequenceAt(mark, 0), batchStartAt(mark, 0), isEndMarkAt(mark, 0)]).toEqual([9, 9, true]);
  expect(isEndMarkAt(encoded(aShare()), 0)).toBe(false);
});

test("a name of 255 bytes is stored, a longer one is refused and named", () => {
  const longest = "n".repeat(255);
  expect(decoded(encoded(aShare(1, { worker: longest })))).toMatchObject({ worker: longest });
  expect(() => texts.get("é".repeat(128))).toThrow(
    expect.objectContaining({ code: "JOURNAL_RECORD_INVALID" }),
  );
});

test("bytes whose checksum is right but that no writer of this version makes are refused, not guessed", () => {
  const changes: [string, (bytes: Buffer) => void][] = [
    ["kind", (bytes) => bytes.writeUInt8(9, 24)],
    ["flags", (bytes) => bytes.writeUInt8(4, 26)],
    ["protocol", (bytes) => bytes.writeUInt8(3, 25)],
    ["account length", (bytes) => bytes.writeUInt8(200, 27)],
    ["work", (bytes) => bytes.writeUInt8(1, 110)],
  ];
  for (const [what, change] of changes) {
    const bytes = signed(encoded(aShare()), change);
    expect(() => decoded(bytes), what).toThrow(invalid);
  }
});

test("a block whose share flag is set, or whose fee is more than its reward, is no record", () => {
  expect(() => decoded(signed(encoded(aBlock()), (bytes) => bytes.writeUInt8(1, 26)))).toThrow(invalid);
  const greedy = signed(encoded(aSoloBlock()), (bytes) => bytes.writeBigUInt64LE(625_000_001n, 120));
  expect(() => decoded(greedy)).toThrow(invalid);
});

test("the solo flag is one bit of the flags, beside the share's block flag", () => {
  const flagsOf = (record: JournalRecord) => encoded(record)[26];
  expect(flagsOf(aShare(1, { scheme: "solo" }))).toBe(2);
  expect(flagsOf(aShare(1, { scheme: "solo", block: true }))).toBe(3);
  expect([flagsOf(aBlock()), flagsOf(aSoloBlock())]).toEqual([0, 2]);
});

test("version 1 knew no solo work: its other records are read, one with that flag is refused", () => {
  for (const record of [aShare(1, { block: true }), aBlock()]) {
    expect(decoded(encoded(record), 1)).toEqual(record);
  }
  for (const record of [aShare(1, { scheme: "solo" }), aSoloBlock()]) {
    expect(() => decoded(encoded(record), 1)).toThrow(invalid);
  }
});

const invalid = expect.objectContaining({ code: "JOURNAL_RECORD_INVALID" });

/** Changed, with a checksum that matches. */
function signed(bytes: Buffer, change: (bytes: Buffer) => void): Buffer {
  change(bytes);
  bytes.writeUInt32LE(crc32c(bytes, 4, bytes.length), 0);
  return bytes;
}
