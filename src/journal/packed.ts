/**
 * Many records at once, without an object for each: natively verified and counted, they stay the bytes that they are in
 * the segment. What is unusual is left to `decodeRecord`, which is the reference for all of it.
 */
import type { Addon } from "../native/addon.ts";
import { decodeRecord, type TargetCache } from "./codec.ts";
import type { BlockRecord, JournalBatch, JournalRecord, ShareRecord } from "./record.ts";

/** What the shares of a group have in common. */
export type ShareGroup = Pick<ShareRecord, "account" | "worker" | "target" | "scheme">;

/** In stream order: shares of one minute that follow each other, or a block. */
export type Run =
  | {
      readonly kind: "shares";
      /** Of the records' time, since 1970. */
      readonly minute: number;
      /** In the order in which the groups come up. */
      readonly parts: readonly { readonly group: number; readonly shares: number }[];
    }
  | { readonly kind: "block"; readonly index: number; readonly record: BlockRecord };

/** The same records as those of a `JournalBatch`. Good until the reader is asked for the next one. */
export interface PackedBatch {
  readonly node: string;
  readonly epoch: number;
  readonly first: number;
  readonly last: number;
  /** How many of the records are shares. */
  readonly shares: number;
  readonly groups: readonly ShareGroup[];
  readonly runs: readonly Run[];
  /** Bytes of all records. */
  readonly length: number;
  /** The records as they stand in the segment. */
  readonly bytes: Buffer;
  /**
   * The shares as the body of a COPY in Postgres' binary format; a row is hash, sequence, time, protocol and block, then
   * what stands in `fields` for its group: this many `columns`, each with its length before it.
   * @param room where the body is written; good until that is used again.
   */
  copyBody(fields: readonly Uint8Array[], columns: number, room: Room): Buffer;
  /** The records from this sequence on, one of the batch's own. */
  from(sequence: number): PackedBatch;
  /** The records as objects. */
  unpack(): JournalBatch;
}

/** Memory that batch after batch uses: megabytes that are thrown away each time keep the collector busy. */
export interface Room {
  bytes: Buffer;
}

export type Packer = Pick<Addon, "surveyRecords" | "writeShareRows">;

/** What the records come from. */
export interface PackedSource {
  readonly node: string;
  readonly epoch: number;
  /** Of the segment's header. */
  readonly version: number;
  readonly packer: Packer;
  readonly targets: TargetCache;
}

/**
 * The records at the start of `bytes`, as far as they are sound and usual.
 * @param first their first sequence.
 * @returns undefined if there is none: see what `decodeRecord` says.
 * @throws PoolError JOURNAL_RECORD_INVALID
 */
export function packRecords(
  bytes: Buffer,
  source: PackedSource,
  first: number,
  maxRecords: number,
): PackedBatch | undefined {
  const { node, epoch, version, packer, targets } = source;
  const survey = packer.surveyRecords(bytes, epoch, first, maxRecords);
  const { groupOf, shares, length } = survey;
  if (groupOf.length === 0) return undefined;
  const decode = (offset: number) => decodeRecord(bytes, offset, targets, version);
  const offsets = () => offsetsOf(bytes, groupOf.length);
  return {
    node,
    epoch,
    first,
    last: first + groupOf.length - 1,
    shares,
    groups: Array.from(survey.groups, (offset) => decode(offset) as ShareRecord),
    runs: runsOf(survey.runs, survey.parts, decode),
    length,
    bytes: bytes.subarray(0, length),
    copyBody: (fields, columns, room) => {
      const ends = new Uint32Array(fields.length);
      let end = 0;
      fields.forEach(({ length }, group) => {
        end += length;
        ends[group] = end;
      });
      const rows = { records: bytes, groupOf, fields: Buffer.concat(fields), ends, columns };
      const length = packer.writeShareRows(rows, room.bytes);
      if (length > room.bytes.length) {
        room.bytes = Buffer.allocUnsafeSlow(length * 2);
        packer.writeShareRows(rows, room.bytes);
      }
      return room.bytes.subarray(0, length);
    },
    from: (sequence) => {
      const start = offsets()[sequence - first]!;
      return packRecords(bytes.subarray(start), source, sequence, first + groupOf.length - sequence)!;
    },
    unpack: () => {
      const records = offsets().map(decode);
      return { node, epoch, first, last: first + records.length - 1, records };
    },
  };
}

const numbersOfRun = 4;

function runsOf(numbers: Float64Array, parts: Uint32Array, decode: (offset: number) => JournalRecord): Run[] {
  const runs: Run[] = [];
  let part = 0;
  for (let at = 0; at < numbers.length; at += numbersOfRun) {
    const count = numbers[at + 3]!;
    if (count === 0) {
      runs.push({ kind: "block", index: numbers[at + 1]!, record: decode(numbers[at + 2]!) as BlockRecord });
      continue;
    }
    const own = Array.from({ length: count }, (_, i) => {
      return { group: parts[2 * (part + i)]!, shares: parts[2 * (part + i) + 1]! };
    });
    runs.push({ kind: "shares", minute: numbers[at]!, parts: own });
    part += count;
  }
  return runs;
}

function offsetsOf(bytes: Buffer, records: number): number[] {
  let offset = 0;
  return Array.from({ length: records }, () => {
    const start = offset;
    offset += bytes.readUInt32LE(offset + 4);
    return start;
  });
}
