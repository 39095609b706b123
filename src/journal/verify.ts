import type { PoolError } from "../errors.ts";
import type { Addon } from "../native/addon.ts";
import { decodeRecord, TargetCache } from "./codec.ts";
import type { Crc32c, SegmentHeader, StoredHeader } from "./format.ts";
import type { JournalRecord, Position, SequencePosition } from "./record.ts";
import { crc32cOf, throwUnlessWhole } from "./recover.ts";
import { type SegmentScan, scanSegment } from "./scan.ts";
import {
  checkChain,
  damaged,
  lastPositionOf,
  listSegments,
  readSegment,
  type SegmentFile,
} from "./segments.ts";

export interface VerifyOptions {
  /** The node's folder. */
  readonly directory: string;
  readonly addon: Pick<Addon, "crc32c">;
  /** Gets all records of the journal in order, as far as it is sound. */
  readonly onRecord?: (record: JournalRecord, position: Position) => void | Promise<void>;
}

export interface Finding {
  readonly node: string | undefined;
  readonly segments: number;
  readonly records: number;
  /** The last sound record; 0, 0 if there is none. */
  readonly last: SequencePosition;
  /** A commit at the very end that is not whole: a crash cut it short, or a writer is just writing it. */
  readonly unfinished: { readonly path: string; readonly offset: number; readonly bytes: number } | undefined;
  /** JOURNAL_DAMAGED, JOURNAL_GAP …: what a start of the pool, or the ledger's reading, would stop at. */
  readonly damage: PoolError | undefined;
}

/** Reads a whole journal without touching it, also while it is being written. */
export async function verifyJournal({ directory, addon, onRecord }: VerifyOptions): Promise<Finding> {
  const crc32c = crc32cOf(addon);
  const targets = new TargetCache();
  const files = await listSegments(directory);
  const finding = {
    node: undefined as string | undefined,
    segments: 0,
    records: 0,
    last: { epoch: 0, sequence: 0 } as SequencePosition,
    unfinished: undefined as Finding["unfinished"],
    damage: undefined as PoolError | undefined,
  };
  try {
    for (const [index, file] of files.entries()) {
      const segment = await readSettled(file, index === files.length - 1, crc32c);
      // Applied and past its retention since the folder was listed.
      if (segment === undefined && finding.segments === 0) continue;
      const { header, bytes, scan, offsets } = segment ?? (await readAndScan(file, crc32c));
      finding.node = header.node;
      if (finding.segments > 0) checkChain(file.path, header, finding.last);
      finding.segments++;
      for (const [nth, offset] of offsets.entries()) {
        const record = decodeRecord(bytes, offset, targets, header.version);
        finding.records++;
        const sequence = header.firstSequence + nth;
        await onRecord?.(record, { node: header.node, epoch: header.epoch, sequence });
      }
      finding.last = lastPositionOf(header, scan.lastSequence);
      const next = files[index + 1];
      if (next !== undefined) throwUnlessWhole(file, header, scan, next);
      else finding.unfinished = unfinishedEnd(file, header, scan);
    }
  } catch (error) {
    finding.damage = error as PoolError;
  }
  return finding;
}

interface ScannedSegment {
  readonly header: StoredHeader;
  readonly bytes: Buffer;
  readonly scan: SegmentScan;
  readonly offsets: readonly number[];
}

const maxAttempts = 20;

/**
 * The newest segment may be written while it is read: what was not there a moment ago may be there by now, and a later
 * commit with it. Bad bytes count only if they are still bad when they are read again.
 * @returns undefined if the segment is gone.
 */
async function readSettled(
  file: SegmentFile,
  newest: boolean,
  crc32c: Crc32c,
): Promise<ScannedSegment | undefined> {
  try {
    let segment = await readAndScan(file, crc32c);
    for (let attempt = 1; newest && segment.scan.tail.kind !== "clean" && attempt < maxAttempts; attempt++) {
      const again = await readAndScan(file, crc32c);
      if (again.scan.end === segment.scan.end) return again;
      segment = again;
    }
    return segment;
  } catch (error) {
    if (((error as PoolError).cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT")
      return undefined;
    throw error;
  }
}

async function readAndScan(file: SegmentFile, crc32c: Crc32c): Promise<ScannedSegment> {
  const { header, bytes } = await readSegment(file, crc32c);
  const offsets: number[] = [];
  const scan = scanSegment(bytes, header, crc32c, (offset) => offsets.push(offset));
  return { header, bytes, scan, offsets };
}

/** @throws PoolError JOURNAL_DAMAGED if what is missing at the end was once durable. */
function unfinishedEnd(file: SegmentFile, header: SegmentHeader, scan: SegmentScan): Finding["unfinished"] {
  const { tail, end, lastSequence } = scan;
  if (tail.kind === "clean") return undefined;
  if (tail.kind === "damaged") {
    throw damaged(file.path, end, header.epoch, lastSequence + 1, tail.nextSequence - 1);
  }
  return { path: file.path, offset: end, bytes: tail.bytes };
}
