/** Reads one segment from end to end and says where it stops being sound, and why. Pure: bytes in, findings out. */
import { batchStartAt, isEndMarkAt, sequenceAt, validRecordAt } from "./codec.ts";
import { type Crc32c, headerBytes, type SegmentHeader } from "./format.ts";

export interface SegmentScan {
  /** Sequence of the last record; one less than the first if there is none. */
  readonly lastSequence: number;
  /** Behind the last record (and before the end mark). */
  readonly end: number;
  /** Where the last record's group commit starts; equal to `end` if there is no record. */
  readonly lastBatchOffset: number;
  /** Sequence at `lastBatchOffset`. */
  readonly lastBatchSequence: number;
  readonly endMark: boolean;
  readonly tail: Tail;
}

/**
 * What stands behind the last sound record:
 * - clean: nothing, zeros never written to, or the end mark
 * - torn: bytes that are no record, and nothing valid behind them but the rest of their own commit
 * - damaged: a sound record of a later commit stands behind, so what is missing was once durable
 */
export type Tail =
  | { readonly kind: "clean" }
  | { readonly kind: "torn"; readonly bytes: number }
  | { readonly kind: "damaged"; readonly nextOffset: number; readonly nextSequence: number };

/**
 * @param bytes the whole segment.
 * @param visit called for each record, in order.
 */
export function scanSegment(
  bytes: Buffer,
  header: SegmentHeader,
  crc32c: Crc32c,
  visit: (offset: number, sequence: number) => void = ignore,
): SegmentScan {
  const { epoch, firstSequence } = header;
  let end = headerBytes;
  let expected = firstSequence;
  let lastBatchOffset = headerBytes;
  let lastBatchSequence = firstSequence;
  let behind = headerBytes;
  let endMark = false;
  for (;;) {
    const length = validRecordAt(bytes, end, bytes.length, epoch, crc32c);
    if (length === 0 || sequenceAt(bytes, end) !== expected) break;
    if (isEndMarkAt(bytes, end)) {
      endMark = true;
      behind = end + length;
      break;
    }
    if (batchStartAt(bytes, end) === expected) {
      lastBatchOffset = end;
      lastBatchSequence = expected;
    }
    visit(end, expected);
    expected++;
    end += length;
    behind = end;
  }
  const tail = tailBehind(bytes, behind, epoch, expected, crc32c);
  return { lastSequence: expected - 1, end, lastBatchOffset, lastBatchSequence, endMark, tail };
}

function ignore(): void {}

function tailBehind(bytes: Buffer, from: number, epoch: number, expected: number, crc32c: Crc32c): Tail {
  const dirty = firstNonZero(bytes, from);
  if (dirty === bytes.length) return { kind: "clean" };
  // Miners cannot plant such a record inside a name: names have a closed set of characters, none of them zero.
  for (let offset = from; offset < bytes.length; offset += 8) {
    const length = validRecordAt(bytes, offset, bytes.length, epoch, crc32c);
    if (length > 0 && batchStartAt(bytes, offset) > expected) {
      return { kind: "damaged", nextOffset: offset, nextSequence: sequenceAt(bytes, offset) };
    }
  }
  return { kind: "torn", bytes: bytes.length - from };
}

/** Offset of the first byte that is not zero, or the length. */
export function firstNonZero(bytes: Buffer, from: number): number {
  const zeros = Buffer.alloc(65_536);
  let offset = from;
  while (offset < bytes.length) {
    const piece = bytes.subarray(offset, offset + zeros.length);
    if (!piece.equals(zeros.subarray(0, piece.length))) return offset + piece.findIndex((byte) => byte !== 0);
    offset += piece.length;
  }
  return offset;
}
