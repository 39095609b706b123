/**
 * The bytes of a journal. Version 2; all integers little-endian, all offsets in bytes. Version 1 knew no solo work: it is
 * the same but for the flag and the fee that say so, and is still read.
 *
 *   <journal.directory>/<node>/
 *     lock                                   held while somebody writes
 *     0001767225600-0000000000000001.wal     <epoch>-<first sequence>: one segment
 *     0001767225600-0000000000350102.wal     sealed segments end with their last record; the newest is followed by
 *     spare.tmp                              zeros; the spare is the next segment, zeros only
 *
 *   segment    header | record | record | … | end mark? | zeros?
 *
 *   header, 128 bytes                        record, a multiple of 8 bytes
 *     0  magic              "PENSTOCK"         0  CRC-32C        u32   of all that follows in the record
 *     8  format version     u32                4  length         u32   of the whole record
 *    12  flags              u32  1 = fsync     8  sequence       u64
 *    16  epoch              u32               16  index in batch u32   sequence - index = first of its commit
 *    20  previous epoch     u32               20  epoch          u32   ties the record to its segment
 *    24  first sequence     u64               24  kind           u8    1 share, 2 block, 3 end mark
 *    32  previous sequence  u64               25  protocol       u8    share: 1 or 2
 *    40  created            u64  wall ms      26  flags          u8    share: 1 = block, 2 = solo; block: 2 = solo
 *    48  length of node     u32               27  account length u8
 *    52  node, zero-padded  64                28  worker length  u8
 *   116  zeros               8                29  zeros           3
 *   124  CRC-32C            u32  of 0…123     ── the end mark stops here: 32 bytes
 *                                             32  time           u64   wall clock, ms
 *                                             40  hash           32    internal order
 *                                                 share              |  block
 *                                             72  target     32      |  72  previous hash        32
 *                                            104  work       u128    | 104  reward               u64 sat
 *                                                                    | 112  height               u32
 *                                                                    | 116  bits                 u32
 *                                                                    |      pplns
 *                                            120  height     u32     | 120  fee                  u32 millionths
 *                                            124  zeros      u32     | 124  window               u32 thousandths
 *                                                                    |      solo
 *                                                                    | 120  fee                  u64 sat
 *                                            128  account, worker: UTF-8, together zero-padded to 8
 *
 * Previous epoch and sequence name the record that stands before the segment's first one (0, 0 if there is none):
 * they chain the segments, so that a lost one, or the lost end of one, cannot go unnoticed.
 *
 * Batches. One group commit is one write and one fdatasync, and the next starts only after it. So a record whose
 * batch started after sequence s proves that s was once durable. That tells the two kinds of bad bytes apart:
 * nothing valid behind them but the rest of their own batch: a commit that a crash cut short, nobody was told that it
 * holds, cut it off; a record of a later batch behind them: damage, stop and name it.
 *
 * The end mark carries the sequence after the last record and belongs to no batch but its own. A clean close or a
 * recovery writes it: everything before it is known to be durable, bad bytes there are damage.
 */
import { PoolError } from "../errors.ts";
import type { Durability, SequencePosition } from "./record.ts";

/** CRC-32C of data[start, end): the native addon's. */
export type Crc32c = (data: Uint8Array, start: number, end: number) => number;

export const formatVersion = 2;
/** The first version with solo work; before it nobody could ask for that. */
export const soloVersion = 2;
const oldestVersion = 1;
export const headerBytes = 128;
export const endMarkBytes = 32;
/** A share or block record without its strings. */
export const fixedBytes = 128;
export const maxTextBytes = 255;
export const maxRecordBytes = padded(fixedBytes + 2 * maxTextBytes);
export const maxNodeBytes = 64;
/** Sequences are exact as numbers, epochs are 32 bits wide. */
export const maxEpoch = 0xffff_ffff;

export const spareName = "spare.tmp";
export const lockName = "lock";

const magic = Buffer.from("PENSTOCK", "latin1");
const fsyncFlag = 1;

export interface SegmentHeader {
  readonly node: string;
  readonly epoch: number;
  readonly firstSequence: number;
  /** Where the record before the segment's first one stands; epoch and sequence 0 if there is none. */
  readonly previous: SequencePosition;
  readonly durability: Durability;
  readonly createdMs: number;
}

/** A header as it was found. */
export interface StoredHeader extends SegmentHeader {
  readonly version: number;
}

export function segmentName({
  epoch,
  firstSequence,
}: Pick<SegmentHeader, "epoch" | "firstSequence">): string {
  return `${String(epoch).padStart(13, "0")}-${String(firstSequence).padStart(16, "0")}.wal`;
}

/** @returns undefined for names that are no segment's. */
export function parseSegmentName(name: string): { epoch: number; firstSequence: number } | undefined {
  const match = /^(\d{13})-(\d{16})\.wal$/.exec(name);
  if (match === null) return undefined;
  return { epoch: Number(match[1]), firstSequence: Number(match[2]) };
}

/** A node's name is part of a path and of every position: letters, digits, `.`, `_`, `-`, at most 64. */
export function isNodeName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) && name.length <= maxNodeBytes;
}

export function encodeHeader(header: SegmentHeader, crc32c: Crc32c): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  magic.copy(bytes);
  bytes.writeUInt32LE(formatVersion, 8);
  bytes.writeUInt32LE(header.durability === "fsync" ? fsyncFlag : 0, 12);
  bytes.writeUInt32LE(header.epoch, 16);
  bytes.writeUInt32LE(header.previous.epoch, 20);
  writeU64(bytes, header.firstSequence, 24);
  writeU64(bytes, header.previous.sequence, 32);
  writeU64(bytes, header.createdMs, 40);
  bytes.writeUInt32LE(header.node.length, 48);
  bytes.write(header.node, 52, "latin1");
  bytes.writeUInt32LE(crc32c(bytes, 0, 124), 124);
  return bytes;
}

/**
 * @param path for messages.
 * @throws PoolError JOURNAL_FORMAT_NEWER for a segment of a later version, JOURNAL_DAMAGED for anything else that is
 * not a header: it was durable before the segment got its name, so no crash leaves a bad one.
 */
export function decodeHeader(bytes: Buffer, path: string, crc32c: Crc32c): StoredHeader {
  if (bytes.length < headerBytes || !bytes.subarray(0, 8).equals(magic)) {
    throw headerDamaged(path, "it does not start as a journal segment does");
  }
  const version = bytes.readUInt32LE(8);
  if (version > formatVersion) {
    throw new PoolError(
      "JOURNAL_FORMAT_NEWER",
      `Journal segment ${path} has format version ${version}; this Penstock reads up to ${formatVersion}.`,
      "Run the Penstock version that wrote it, or a newer one.",
    );
  }
  if (version < oldestVersion || bytes.readUInt32LE(124) !== crc32c(bytes, 0, 124)) {
    throw headerDamaged(path, "the checksum of its header does not match");
  }
  return {
    version,
    node: bytes.toString("latin1", 52, 52 + Math.min(bytes.readUInt32LE(48), maxNodeBytes)),
    epoch: bytes.readUInt32LE(16),
    firstSequence: readU64(bytes, 24),
    previous: { epoch: bytes.readUInt32LE(20), sequence: readU64(bytes, 32) },
    durability: (bytes.readUInt32LE(12) & fsyncFlag) === 0 ? "os" : "fsync",
    createdMs: readU64(bytes, 40),
  };
}

function headerDamaged(path: string, what: string): PoolError {
  return new PoolError(
    "JOURNAL_DAMAGED",
    `Journal segment ${path} is damaged at offset 0: ${what}.`,
    damagedHint,
  );
}

export const damagedHint =
  "Nothing was changed. Check the disk, keep a copy of the folder, and restore the segment from a backup; to mine on " +
  "at once, move the node's folder aside: a new journal is started, the old one can still be read with " +
  "`penstock journal dump`.";

/** Length of a record with strings of these many bytes. */
export function recordBytes(accountBytes: number, workerBytes: number): number {
  return padded(fixedBytes + accountBytes + workerBytes);
}

function padded(length: number): number {
  return (length + 7) & ~7;
}

/** @param value a safe integer, not negative. */
export function writeU64(bytes: Buffer, value: number, offset: number): void {
  bytes.writeUInt32LE(value >>> 0, offset); // modulo 2^32
  bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), offset + 4);
}

export function readU64(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * 0x1_0000_0000;
}
