import { type FileHandle, open } from "node:fs/promises";
import { PoolError } from "../errors.ts";
import type { Addon } from "../native/addon.ts";
import { decodeRecord, isEndMarkAt, sequenceAt, TargetCache, validRecordAt } from "./codec.ts";
import { type Crc32c, headerBytes, maxRecordBytes, type StoredHeader } from "./format.ts";
import { type PackedBatch, type Packer, packRecords } from "./packed.ts";
import type { JournalBatch, JournalRecord, SequencePosition } from "./record.ts";
import { crc32cOf } from "./recover.ts";
import { scanSegment } from "./scan.ts";
import {
  checkChain,
  comparePositions,
  damaged,
  gap,
  listSegments,
  readHeader,
  readSegment,
  type SegmentFile,
  say,
  unreadable,
} from "./segments.ts";

export interface JournalReaderOptions {
  /** The node's folder. */
  readonly directory: string;
  readonly addon: Pick<Addon, "crc32c"> & Packer;
}

export interface JournalReader {
  /**
   * The records that follow `after` (0, 0: the first there is), at most `maxRecords` and none behind `upTo`, which the
   * writer has announced as committed or a recovery has found to be the last. One batch never crosses an epoch.
   * Fast when each call goes on where the one before ended. Their hashes are views on one buffer that they share.
   * One call at a time.
   * @returns undefined if there is none.
   * @throws PoolError JOURNAL_DAMAGED, JOURNAL_GAP (records are missing), JOURNAL_BEHIND (`after` or `upTo` is past
   * what the journal holds), JOURNAL_FORMAT_NEWER, JOURNAL_UNREADABLE, JOURNAL_RECORD_INVALID.
   */
  next(
    after: SequencePosition,
    upTo: SequencePosition,
    maxRecords: number,
  ): Promise<JournalBatch | undefined>;
  /**
   * The same, read natively and a good deal faster, as far as the records are usual; as objects where they are not.
   * Where one batch ends is for either to choose. A packed batch is good until the next call of any kind.
   */
  nextPacked(
    after: SequencePosition,
    upTo: SequencePosition,
    maxRecords: number,
  ): Promise<PackedBatch | JournalBatch | undefined>;
  close(): Promise<void>;
}

/** The segment that is being read, and how far. */
interface Cursor {
  readonly file: SegmentFile;
  readonly header: StoredHeader;
  readonly handle: FileHandle;
  offset: number;
  /** Sequence of the record that stands, or will stand, at `offset`. */
  sequence: number;
}

const typicalRecordBytes = 192;
/** What a call may make of objects: some 3,000 records, which take 8 ms with all that the ledger does with them. */
const maxReadBytes = 512 * 1024;
/** What a call may read natively: some 48,000 records. */
const maxPackedBytes = 8 * 1024 * 1024;

/** A way to read: records from the cursor on, `wanted` at most; undefined if there is none. */
type Read<Batch> = (at: Cursor, wanted: number) => Promise<Batch | undefined>;

export function openJournalReader({ directory, addon }: JournalReaderOptions): JournalReader {
  const crc32c = crc32cOf(addon);
  const targets = new TargetCache();
  let cursor: Cursor | undefined;
  /** What packed batches are read into. */
  let room = Buffer.alloc(0);

  async function nextBy<Batch>(
    read: Read<Batch>,
    after: SequencePosition,
    upTo: SequencePosition,
    maxRecords: number,
  ): Promise<Batch | undefined> {
    if (comparePositions(upTo, after) <= 0) {
      if (upTo.epoch < after.epoch && upTo.epoch > 0) throw behind(directory, after, upTo);
      return undefined;
    }
    try {
      if (cursor === undefined || !standsBehind(cursor, after)) await seek(after);
      for (;;) {
        const batch = await readOn(read, cursor!, upTo, maxRecords);
        if (batch !== undefined) return batch;
        if (!(await advance(upTo))) return undefined;
      }
    } catch (error) {
      await close();
      throw error;
    }
  }

  async function readOn<Batch>(
    read: Read<Batch>,
    at: Cursor,
    upTo: SequencePosition,
    maxRecords: number,
  ): Promise<Batch | undefined> {
    const { epoch } = at.header;
    const last = epoch === upTo.epoch ? upTo.sequence : Number.MAX_SAFE_INTEGER;
    if (epoch > upTo.epoch || at.sequence > last) return undefined;
    return read(at, Math.min(maxRecords, last - at.sequence + 1));
  }

  async function readObjects(at: Cursor, wanted: number): Promise<JournalBatch | undefined> {
    const { epoch, node, version } = at.header;
    const first = at.sequence;
    const records: JournalRecord[] = [];
    await readStretch(at, wanted, crc32c, (bytes, offset) => {
      records.push(decodeRecord(bytes, offset, targets, version));
    });
    if (records.length === 0) return undefined;
    return { node, epoch, first, last: at.sequence - 1, records };
  }

  async function readPacked(at: Cursor, wanted: number): Promise<PackedBatch | JournalBatch | undefined> {
    const { epoch, node, version } = at.header;
    const size = Math.min(maxPackedBytes, sizeOf(wanted));
    if (room.length < size) room = Buffer.allocUnsafeSlow(size);
    const bytes = await readBytes(at, room.subarray(0, size));
    const batch = packRecords(bytes, { node, epoch, version, packer: addon, targets }, at.sequence, wanted);
    if (batch === undefined) return readObjects(at, wanted);
    at.offset += batch.length;
    at.sequence = batch.last + 1;
    return batch;
  }

  /** From the end of one segment to the start of the next. @returns false if there is nothing more up to `upTo`. */
  async function advance(upTo: SequencePosition): Promise<boolean> {
    const { file, header, sequence } = cursor!;
    if (comparePositions({ epoch: header.epoch, sequence }, upTo) > 0) return false;
    const next = (await listSegments(directory)).find((other) => comesAfter(other, file));
    if (next === undefined || (next.epoch === header.epoch && next.firstSequence !== sequence)) {
      throw await whatIsWrong(cursor!, next === undefined ? upTo.sequence : next.firstSequence - 1);
    }
    // What the header calls previous is where this segment must have ended, in this epoch or the next.
    const reached = sequence > 1 ? { epoch: header.epoch, sequence: sequence - 1 } : header.previous;
    const follower = await readHeader(next, crc32c);
    if (follower.previous.epoch === header.epoch && follower.previous.sequence >= sequence) {
      throw await whatIsWrong(cursor!, follower.previous.sequence);
    }
    checkChain(next.path, follower, reached);
    await moveTo(next, follower);
    return true;
  }

  async function seek(after: SequencePosition): Promise<void> {
    const segments = await listSegments(directory);
    const holder = segments.findLast(
      (file) => file.epoch === after.epoch && file.firstSequence <= after.sequence + 1,
    );
    if (holder !== undefined) {
      const header = await readHeader(holder, crc32c);
      const at = await moveTo(holder, header);
      while (at.sequence <= after.sequence) {
        if ((await readStretch(at, after.sequence + 1 - at.sequence, crc32c)) === 0) break;
      }
      if (at.sequence <= after.sequence) await throwIfDamaged(at);
      // A journal without fsync may lose its end in a power cut after the ledger has taken it.
      if (at.sequence <= after.sequence && header.durability === "fsync") {
        throw behind(directory, after, { epoch: header.epoch, sequence: at.sequence - 1 });
      }
      return;
    }
    const first = segments.find((file) => file.epoch > after.epoch || comesAfterPosition(file, after));
    if (first === undefined) throw behind(directory, after, segments.at(-1));
    const header = await readHeader(first, crc32c);
    const { previous } = header;
    const order = comparePositions(previous, after);
    if (order > 0) throw gap(first.path, after, previous);
    // (0, 0): a journal started anew, where an operator has moved the old one aside.
    if (order < 0 && previous.epoch > 0 && header.durability === "fsync") {
      throw behind(directory, after, previous);
    }
    await moveTo(first, header);
  }

  /** The cursor stands where a record should be: how far it reaches what is wrong there. */
  async function whatIsWrong(at: Cursor, lastMissing: number): Promise<PoolError> {
    await throwIfDamaged(at);
    return damaged(at.file.path, at.offset, at.header.epoch, at.sequence, lastMissing);
  }

  async function throwIfDamaged({ file }: Cursor): Promise<void> {
    const { header, bytes } = await readSegment(file, crc32c);
    const { end, lastSequence, tail } = scanSegment(bytes, header, crc32c);
    if (tail.kind === "clean") return;
    const to = tail.kind === "damaged" ? tail.nextSequence - 1 : undefined;
    throw damaged(file.path, end, header.epoch, lastSequence + 1, to);
  }

  async function moveTo(file: SegmentFile, header: StoredHeader): Promise<Cursor> {
    await close();
    const handle = await open(file.path, "r").catch((cause) => {
      throw unreadable(file.path, cause);
    });
    cursor = { file, header, handle, offset: headerBytes, sequence: header.firstSequence };
    return cursor;
  }

  async function close(): Promise<void> {
    const handle = cursor?.handle;
    cursor = undefined;
    await handle?.close();
  }

  return {
    next: (...range) => nextBy(readObjects, ...range),
    nextPacked: (...range) => nextBy(readPacked, ...range),
    close,
  };
}

function standsBehind(cursor: Cursor, after: SequencePosition): boolean {
  const { header, sequence } = cursor;
  return header.epoch === after.epoch && sequence === after.sequence + 1;
}

function comesAfter(a: SegmentFile, b: SegmentFile): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.firstSequence > b.firstSequence);
}

function comesAfterPosition(file: SegmentFile, position: SequencePosition): boolean {
  return file.epoch === position.epoch && file.firstSequence > position.sequence;
}

/**
 * Moves the cursor over sound records, at most `wanted` and `maxReadBytes` of them; fewer at the end of the segment.
 * @returns how many.
 */
async function readStretch(
  at: Cursor,
  wanted: number,
  crc32c: Crc32c,
  visit?: (bytes: Buffer, offset: number) => void,
): Promise<number> {
  const bytes = await readBytes(at, Buffer.allocUnsafeSlow(Math.min(maxReadBytes, sizeOf(wanted))));
  let offset = 0;
  let count = 0;
  while (count < wanted) {
    const length = validRecordAt(bytes, offset, bytes.length, at.header.epoch, crc32c);
    if (length === 0 || sequenceAt(bytes, offset) !== at.sequence + count) break;
    if (isEndMarkAt(bytes, offset)) break;
    visit?.(bytes, offset);
    offset += length;
    count++;
  }
  at.offset += offset;
  at.sequence += count;
  return count;
}

/** Enough for so many records of usual length. */
function sizeOf(records: number): number {
  return Math.max(maxRecordBytes, records * typicalRecordBytes);
}

/** As many bytes from the cursor on as there is room for; fewer at the end of the file. */
async function readBytes(at: Cursor, room: Buffer): Promise<Buffer> {
  const { bytesRead } = await at.handle.read(room, 0, room.length, at.offset);
  return room.subarray(0, bytesRead);
}

/** The ledger has, or was promised, what the journal does not hold. */
function behind(
  directory: string,
  wanted: SequencePosition,
  have: SequencePosition | SegmentFile | undefined,
): PoolError {
  const end =
    have === undefined ? "nothing" : "sequence" in have ? say(have) : `epoch ${have.epoch} at the latest`;
  return new PoolError(
    "JOURNAL_BEHIND",
    `The journal ${directory} was read up to ${say(wanted)}, but holds ${end}.`,
    "It was restored from an older copy, or its disk lost what it had confirmed: bring back the newer copy.",
  );
}
