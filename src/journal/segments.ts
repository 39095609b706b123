/** The files of one journal folder: which segments there are, in order, and how they hang together. */
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { PoolError } from "../errors.ts";
import {
  type Crc32c,
  damagedHint,
  decodeHeader,
  headerBytes,
  parseSegmentName,
  type SegmentHeader,
  type StoredHeader,
} from "./format.ts";
import type { SequencePosition } from "./record.ts";

export interface SegmentFile {
  readonly path: string;
  readonly epoch: number;
  readonly firstSequence: number;
}

/** All segments, oldest first; none if there is no such folder. */
export async function listSegments(directory: string): Promise<SegmentFile[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw unreadable(directory, error);
  });
  return names
    .flatMap((name) => {
      const parsed = parseSegmentName(name);
      return parsed === undefined ? [] : [{ path: join(directory, name), ...parsed }];
    })
    .sort((a, b) => a.epoch - b.epoch || a.firstSequence - b.firstSequence);
}

/**
 * What has to be read to get from each position to `upTo`: the bytes of all segments that may hold a record of it.
 * @throws PoolError JOURNAL_UNREADABLE.
 */
export async function bytesBehind(
  directory: string,
  positions: readonly SequencePosition[],
  upTo: SequencePosition,
): Promise<number[]> {
  const segments = (await listSegments(directory)).filter(
    (file) => comparePositions(startOf(file), upTo) <= 0,
  );
  const firsts = positions.map((position) =>
    Math.max(
      0,
      segments.findLastIndex((file) => comparePositions(startOf(file), position) <= 0),
    ),
  );
  const amounts = new Array<number>(segments.length + 1).fill(0);
  for (let index = segments.length - 1; index >= Math.min(...firsts); index--) {
    const { path } = segments[index]!;
    const { size } = await stat(path).catch((cause) => {
      throw unreadable(path, cause);
    });
    amounts[index] = amounts[index + 1]! + size;
  }
  return firsts.map((first) => amounts[first]!);
}

function startOf({ epoch, firstSequence }: SegmentFile): SequencePosition {
  return { epoch, sequence: firstSequence };
}

/** @throws PoolError JOURNAL_DAMAGED, JOURNAL_FORMAT_NEWER, JOURNAL_UNREADABLE. */
export async function readHeader(file: SegmentFile, crc32c: Crc32c): Promise<StoredHeader> {
  return headerOf(file, await readBytes(file.path, headerBytes), crc32c);
}

/** A whole segment in memory. */
export async function readSegment(
  file: SegmentFile,
  crc32c: Crc32c,
): Promise<{ readonly header: StoredHeader; readonly bytes: Buffer }> {
  const bytes = await readBytes(file.path);
  return { header: headerOf(file, bytes, crc32c), bytes };
}

function headerOf(file: SegmentFile, bytes: Buffer, crc32c: Crc32c): StoredHeader {
  const header = decodeHeader(bytes, file.path, crc32c);
  if (header.epoch === file.epoch && header.firstSequence === file.firstSequence) return header;
  throw new PoolError(
    "JOURNAL_DAMAGED",
    `Journal segment ${file.path} is not what its name says: it holds epoch ${header.epoch} from sequence ${header.firstSequence} on.`,
    damagedHint,
  );
}

/** @param length at most this much from the start; all of it if left out. */
async function readBytes(path: string, length?: number): Promise<Buffer> {
  try {
    const handle = await open(path, "r");
    try {
      const wanted = length ?? (await handle.stat()).size;
      const bytes = Buffer.allocUnsafe(wanted);
      let have = 0;
      while (have < wanted) {
        const { bytesRead } = await handle.read(bytes, have, wanted - have, have);
        if (bytesRead === 0) break;
        have += bytesRead;
      }
      return bytes.subarray(0, have);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** ENOENT stays what it is in `cause`: a segment may be pruned while somebody reads. */
export function unreadable(path: string, cause: unknown): PoolError {
  return new PoolError(
    "JOURNAL_UNREADABLE",
    `The journal at ${path} cannot be read: ${(cause as Error).message}.`,
    "Check the path, its owner and the disk.",
    { cause },
  );
}

/** Bad bytes in what was once durable. */
export function damaged(path: string, offset: number, epoch: number, from: number, to?: number): PoolError {
  const range = to === undefined || to === from ? `sequence ${from}` : `sequences ${from} to ${to}`;
  const more = to === undefined ? " and perhaps more behind it" : "";
  return new PoolError(
    "JOURNAL_DAMAGED",
    `Journal segment ${path} is damaged at offset ${offset}: ${range} of epoch ${epoch}${more} cannot be read.`,
    damagedHint,
  );
}

/**
 * @param before where the last record before this segment stands, by what was read.
 * @throws PoolError JOURNAL_GAP unless the segment's header says the same.
 */
export function checkChain(path: string, header: SegmentHeader, before: SequencePosition): void {
  const { previous } = header;
  if (previous.epoch === before.epoch && previous.sequence === before.sequence) return;
  throw gap(path, before, previous);
}

export function gap(path: string, have: SequencePosition, wanted: SequencePosition): PoolError {
  return new PoolError(
    "JOURNAL_GAP",
    `Journal segment ${path} goes on after ${say(wanted)}, but what stands before it ends with ${say(have)}.`,
    "A segment, or the end of one, was removed or replaced: restore it from a backup.",
  );
}

export function say({ epoch, sequence }: SequencePosition): string {
  return epoch === 0 ? "nothing" : `epoch ${epoch}, sequence ${sequence}`;
}

export function comparePositions(a: SequencePosition, b: SequencePosition): number {
  return a.epoch - b.epoch || a.sequence - b.sequence;
}

/** Where the last record stands, of this segment or before it. */
export function lastPositionOf(header: SegmentHeader, lastSequence: number): SequencePosition {
  if (lastSequence < header.firstSequence) return header.previous;
  return { epoch: header.epoch, sequence: lastSequence };
}
