import { type Target, targetFromDifficulty } from "../../src/bitcoin/target.ts";
import { encodeEndMark, encodeRecord, TextCache } from "../../src/journal/codec.ts";
import { type Crc32c, encodeHeader, maxRecordBytes, type SegmentHeader } from "../../src/journal/format.ts";
import {
  type Journal,
  type JournalOptions,
  type JournalRecord,
  openJournal,
  type PplnsBlockRecord,
  type SequencePosition,
  type ShareRecord,
  type SoloBlockRecord,
} from "../../src/journal/index.ts";
import { loadAddon } from "../../src/native/index.ts";
import type { RandomSource } from "./random.ts";
import { silentLog } from "./silent-log.ts";

export const addon = loadAddon();
export const crc32c: Crc32c = (data, start, end) => addon.crc32c(data, start, end);

const target = targetFromDifficulty(1024);

/** A share whose hash is its number, so that a reader of the journal can tell which one it is. */
export function aShare(number = 1, changes: Partial<ShareRecord> = {}): ShareRecord {
  return {
    kind: "share",
    timeMs: 1_700_000_000_000 + number,
    hash: hashOf(number),
    target,
    height: 800_000,
    protocol: "v1",
    block: false,
    scheme: "pplns",
    account: "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    worker: `rig${number % 10}`,
    ...changes,
  };
}

export function aBlock(number = 1, changes: Partial<PplnsBlockRecord> = {}): PplnsBlockRecord {
  return {
    kind: "block",
    scheme: "pplns",
    timeMs: 1_700_000_000_000 + number,
    hash: hashOf(number),
    previousHash: hashOf(number - 1),
    height: 800_000,
    bits: 0x17053894,
    rewardSats: 625_000_000n,
    feeMillionths: 10_000,
    windowThousandths: 4_000,
    account: "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    worker: "",
    ...changes,
  };
}

export function aSoloBlock(number = 1, changes: Partial<SoloBlockRecord> = {}): SoloBlockRecord {
  const { feeMillionths, windowThousandths, ...block } = aBlock(number);
  return { ...block, scheme: "solo", feeSats: 6_250_000n, ...changes };
}

export function anyRecord(random: RandomSource): JournalRecord {
  const common = {
    timeMs: random.integer(0, Number.MAX_SAFE_INTEGER),
    hash: random.bytes(32),
    height: random.integer(0, 0xffff_ffff),
    account: anyText(random),
    worker: anyText(random),
  };
  if (random.integer(0, 3) === 0) {
    const block = {
      ...common,
      kind: "block" as const,
      previousHash: random.bytes(32),
      bits: random.integer(0, 0xffff_ffff),
      rewardSats: random.bigint(64),
    };
    if (random.integer(0, 1) === 0) {
      return { ...block, scheme: "solo", feeSats: random.bigint(64) % (block.rewardSats + 1n) };
    }
    return {
      ...block,
      scheme: "pplns",
      feeMillionths: random.integer(0, 1_000_000),
      windowThousandths: random.integer(0, 0xffff_ffff),
    };
  }
  return {
    ...common,
    kind: "share",
    target: anyTarget(random),
    protocol: random.integer(0, 1) === 0 ? "v1" : "v2",
    block: random.integer(0, 1) === 0,
    scheme: random.integer(0, 1) === 0 ? "pplns" : "solo",
  };
}

function anyTarget(random: RandomSource): Target {
  return targetFromDifficulty(2 ** random.integer(-30, 80) * (1 + random.integer(0, 1000) / 1000));
}

/** Up to 255 bytes of UTF-8, of one to four bytes a character. */
function anyText(random: RandomSource): string {
  const alphabets = ["abcXYZ019._-", "äöüß", "漢字", "🚰"];
  const characters = [...alphabets[random.integer(0, 3)]!];
  const length = random.integer(0, 63);
  return Array.from({ length }, () => characters[random.integer(0, characters.length - 1)]).join("");
}

export function hashOf(number: number): Buffer {
  const hash = Buffer.alloc(32);
  hash.writeUInt32LE(number >>> 0);
  return hash;
}

export function numberOf(record: JournalRecord): number {
  return Buffer.from(record.hash).readUInt32LE();
}

/** Options for small, quick journals. */
export function testOptions(directory: string): JournalOptions {
  return {
    directory,
    node: "0-1",
    addon,
    log: silentLog,
    durability: "fsync",
    segmentBytes: 4_096,
    alarmFreeBytes: 0,
    refuseFreeBytes: 0,
    lockWaitMs: 0,
  };
}

export function openTestJournal(directory: string, changes: Partial<JournalOptions> = {}): Promise<Journal> {
  return openJournal({ ...testOptions(directory), ...changes });
}

/** Appends the records as one group commit and waits until they are durable. */
export async function commit(journal: Journal, records: readonly JournalRecord[]): Promise<void> {
  const outcomes = records.map(
    (record) => new Promise<boolean>((resolve) => journal.append(record, resolve)),
  );
  if (!(await Promise.all(outcomes)).every((durable) => durable)) throw new Error("a record was refused");
}

export interface Image {
  readonly header: SegmentHeader;
  readonly bytes: Buffer;
  /** Where each record starts, and behind the last: where the next would. */
  readonly offsets: readonly number[];
}

/** The bytes of a segment whose commits hold these numbers of records. */
export function segmentImage(options: {
  readonly commits: readonly number[];
  readonly epoch?: number;
  readonly firstSequence?: number;
  readonly previous?: SequencePosition;
  readonly endMark?: boolean;
  /** Zeros behind the last record. */
  readonly zeros?: number;
}): Image {
  const { commits, epoch = 7, firstSequence = 1, previous = { epoch: 0, sequence: 0 } } = options;
  const header: SegmentHeader = {
    node: "0-1",
    epoch,
    firstSequence,
    previous,
    durability: "fsync",
    createdMs: 1_700_000_000_000,
  };
  const pieces = [encodeHeader(header, crc32c)];
  const offsets: number[] = [];
  const texts = new TextCache();
  let offset = pieces[0]!.length;
  let sequence = firstSequence;
  for (const count of commits) {
    for (let index = 0; index < count; index++) {
      const record = aShare(sequence);
      const bytes = Buffer.alloc(maxRecordBytes);
      const [account, worker] = [texts.get(record.account), texts.get(record.worker)];
      const length = encodeRecord(bytes, 0, record, { epoch, sequence, index }, account, worker, crc32c);
      pieces.push(bytes.subarray(0, length));
      offsets.push(offset);
      offset += length;
      sequence++;
    }
  }
  offsets.push(offset);
  if (options.endMark) pieces.push(encodeEndMark({ epoch, sequence, index: 0 }, crc32c));
  pieces.push(Buffer.alloc(options.zeros ?? 0));
  return { header, bytes: Buffer.concat(pieces), offsets };
}
