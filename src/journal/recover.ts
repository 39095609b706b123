/** Brings a journal whose writer is gone into a state of which everything is known. */
import { close, fsync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { PoolError } from "../errors.ts";
import type { Logger } from "../log/index.ts";
import type { Addon } from "../native/addon.ts";
import { encodeEndMark } from "./codec.ts";
import { openDescriptor, syncDirectory, truncate, writeFully } from "./disk.ts";
import { type Crc32c, endMarkBytes, type SegmentHeader, spareName } from "./format.ts";
import { lockJournal } from "./lock.ts";
import type { Durability, Position, SequencePosition } from "./record.ts";
import { type SegmentScan, scanSegment } from "./scan.ts";
import {
  checkChain,
  damaged,
  lastPositionOf,
  listSegments,
  readSegment,
  type SegmentFile,
} from "./segments.ts";

export interface RecoverOptions {
  /** The node's folder. */
  readonly directory: string;
  readonly addon: Pick<Addon, "crc32c">;
  readonly log: Logger;
  /** How long another writer may take to leave; default 2,000. */
  readonly lockWaitMs?: number;
}

const defaultLockWaitMs = 2_000;

/**
 * For a journal that nobody writes: locks it, recovers it, unlocks it. Does nothing to a journal that was recovered
 * before, and may be killed at any moment and run again.
 * @returns where its last record stands; undefined if there is no journal or no record in it.
 * @throws PoolError JOURNAL_LOCKED, JOURNAL_DAMAGED, JOURNAL_GAP, JOURNAL_FORMAT_NEWER, JOURNAL_UNREADABLE,
 * JOURNAL_RECOVERY_FAILED.
 */
export async function recoverJournal(options: RecoverOptions): Promise<Position | undefined> {
  const { directory, addon, log } = options;
  if ((await listSegments(directory)).length === 0) return undefined;
  const lock = await lockJournal(directory, options.lockWaitMs ?? defaultLockWaitMs);
  try {
    const { node, last } = await recoverLocked(directory, addon, log);
    return last.epoch === 0 || node === undefined ? undefined : { node, ...last };
  } finally {
    await lock.release();
  }
}

export interface Recovered {
  readonly node: string | undefined;
  /** Where the last record stands; 0, 0 if there is none. */
  readonly last: SequencePosition;
  /** Highest epoch that any segment has, 0 if there is none. */
  readonly lastEpoch: number;
}

/**
 * The part that needs the lock. Looks at the newest segment, whose end is in question after a crash, and at the one
 * before it, which the crash may have caught before it was cut to its length. All others were looked at when they were
 * the newest; their records are checked whenever they are read.
 */
export async function recoverLocked(
  directory: string,
  addon: Pick<Addon, "crc32c">,
  log: Logger,
): Promise<Recovered> {
  const crc32c = crc32cOf(addon);
  await rm(join(directory, spareName), { force: true });
  const segments = await listSegments(directory);
  const newest = segments.at(-1);
  if (newest === undefined) return { node: undefined, last: { epoch: 0, sequence: 0 }, lastEpoch: 0 };

  const older = segments.at(-2);
  const before = older === undefined ? undefined : await sealOlder(older, newest, crc32c);
  const { header, bytes } = await readSegment(newest, crc32c);
  if (before !== undefined) checkChain(newest.path, header, before);
  const scan = scanSegment(bytes, header, crc32c);
  const { tail } = scan;
  if (tail.kind === "damaged") {
    throw damaged(newest.path, scan.end, newest.epoch, scan.lastSequence + 1, tail.nextSequence - 1);
  }
  if (tail.kind === "torn") {
    log.warn(
      {
        event: "journal-tail-cut",
        segment: newest.path,
        offset: scan.end,
        bytes: tail.bytes,
        lastSequence: scan.lastSequence,
      },
      "the journal ends in a commit that was cut short and never acknowledged; it is removed",
    );
  }
  await finish(newest.path, bytes, header, scan, crc32c);
  await syncDirectory(directory);
  return { node: header.node, last: lastPositionOf(header, scan.lastSequence), lastEpoch: header.epoch };
}

/** @returns where the last record up to the end of this segment stands. */
async function sealOlder(file: SegmentFile, newest: SegmentFile, crc32c: Crc32c): Promise<SequencePosition> {
  const { header, bytes } = await readSegment(file, crc32c);
  const scan = scanSegment(bytes, header, crc32c);
  throwUnlessWhole(file, header, scan, newest);
  const end = scan.end + (scan.endMark ? endMarkBytes : 0);
  if (end < bytes.length) await changing(file.path, (fd) => truncate(fd, end));
  return lastPositionOf(header, scan.lastSequence);
}

/** A segment that others follow was durable to its end: nothing in it may be unreadable. */
export function throwUnlessWhole(
  file: SegmentFile,
  header: SegmentHeader,
  scan: SegmentScan,
  next: SegmentFile,
): void {
  if (scan.tail.kind === "clean") return;
  const lastMissing =
    scan.tail.kind === "damaged"
      ? scan.tail.nextSequence - 1
      : next.epoch === header.epoch
        ? next.firstSequence - 1
        : undefined;
  throw damaged(file.path, scan.end, header.epoch, scan.lastSequence + 1, lastMissing);
}

/**
 * Cuts the segment behind its last record and closes it with an end mark. The last commit is written once more before
 * the sync: if the disk failed just before the crash, the kernel may hold it as clean although it never reached the
 * disk, and a sync alone would say that all is well.
 */
async function finish(
  path: string,
  bytes: Buffer,
  header: SegmentHeader,
  scan: SegmentScan,
  crc32c: Crc32c,
): Promise<void> {
  if (scan.endMark && scan.end + endMarkBytes === bytes.length) return;
  const frame = { epoch: header.epoch, sequence: scan.lastSequence + 1, index: 0 };
  const ending = Buffer.concat([
    bytes.subarray(scan.lastBatchOffset, scan.end),
    encodeEndMark(frame, crc32c),
  ]);
  await changing(path, async (fd) => {
    await truncate(fd, scan.end);
    await writeFully(fd, ending, scan.lastBatchOffset);
  });
}

const sync = promisify(fsync);
const closeDescriptor = promisify(close);

async function changing(path: string, change: (fd: number) => Promise<void>): Promise<void> {
  try {
    const fd = await openDescriptor(path, "r+");
    try {
      await change(fd);
      await sync(fd);
    } finally {
      await closeDescriptor(fd);
    }
  } catch (cause) {
    throw new PoolError(
      "JOURNAL_RECOVERY_FAILED",
      `Journal segment ${path} cannot be brought to a known end: ${(cause as Error).message}.`,
      "Check the disk and the folder's owner; nothing was lost, start again when it can be written.",
      { cause },
    );
  }
}

/**
 * Where the last record stands, without touching anything; for a journal that is not being written.
 * @returns undefined if there is no journal or no record in it.
 */
export async function lastPosition(options: {
  readonly directory: string;
  readonly addon: Pick<Addon, "crc32c">;
}): Promise<(Position & { readonly durability: Durability }) | undefined> {
  const crc32c = crc32cOf(options.addon);
  const newest = (await listSegments(options.directory)).at(-1);
  if (newest === undefined) return undefined;
  const { header, bytes } = await readSegment(newest, crc32c);
  const last = lastPositionOf(header, scanSegment(bytes, header, crc32c).lastSequence);
  return last.epoch === 0 ? undefined : { node: header.node, ...last, durability: header.durability };
}

export function crc32cOf(addon: Pick<Addon, "crc32c">): Crc32c {
  return (data, start, end) => addon.crc32c(data, start, end);
}
