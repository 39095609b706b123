/**
 * Share records as rows of Postgres' binary COPY format: several times faster than text, and nothing to escape.
 * https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"
 */
import type { Target } from "../bitcoin/target.ts";
import type { Scheme, ShareRecord } from "../journal/record.ts";

/** First a share's own columns, then those that it has in common with others of its group. */
export const copyShares =
  'COPY shares (hash, sequence, "time", protocol, block, target, work, epoch, worker, journal, solo) FROM STDIN (FORMAT binary)';
/** How many columns `groupFields` fills. */
export const groupColumns = 6;

const signature = Buffer.concat([Buffer.from("PGCOPY\n\xff\r\n\0", "latin1"), Buffer.alloc(8)]);
const trailer = Buffer.of(0xff, 0xff);
const columns = 11;
/** All but the work: field count, a length before each field, and the fields. */
const fixedBytes = 2 + columns * 4 + 32 + 32 + 8 + 8 + 8 + 4 + 2 + 2 + 1 + 1;
const postgresEpochMs = Date.UTC(2000, 0, 1);
const maxCachedWorks = 10_000;

export interface ShareRow {
  readonly record: ShareRecord;
  readonly sequence: number;
  readonly epoch: number;
  readonly worker: number;
  readonly journal: number;
}

const works = new Map<bigint, Buffer>();

/** The whole body of a COPY. */
export function encodeShareRows(rows: readonly ShareRow[]): Buffer {
  const numerics = rows.map(({ record }) => numericOf(record.target.work));
  const size = numerics.reduce((sum, { length }) => sum + length + fixedBytes, 0);
  const bytes = Buffer.allocUnsafe(signature.length + size + trailer.length);
  let at = signature.copy(bytes);
  rows.forEach((row, index) => {
    at = writeRow(bytes, at, row, numerics[index]!);
  });
  trailer.copy(bytes, at);
  return bytes;
}

function writeRow(bytes: Buffer, start: number, row: ShareRow, work: Buffer): number {
  const { record } = row;
  let at = bytes.writeInt16BE(columns, start);
  at = writeBytes(bytes, at, record.hash);
  at = writeInt64(bytes, at, row.sequence);
  at = writeInt64(bytes, at, (record.timeMs - postgresEpochMs) * 1000);
  at = bytes.writeInt16BE(record.protocol === "v1" ? 1 : 2, bytes.writeInt32BE(2, at));
  at = bytes.writeInt8(record.block ? 1 : 0, bytes.writeInt32BE(1, at));
  at = writeBytes(bytes, at, record.target.bytes);
  at = writeBytes(bytes, at, work);
  at = writeInt64(bytes, at, row.epoch);
  at = bytes.writeInt32BE(row.worker, bytes.writeInt32BE(4, at));
  at = bytes.writeInt16BE(row.journal, bytes.writeInt32BE(2, at));
  return writeIsSolo(bytes, at, record.scheme);
}

/** What all shares of one target, epoch, worker, journal and scheme have in common, as it ends their rows. */
export function groupFields(
  target: Target,
  epoch: number,
  worker: number,
  journal: number,
  scheme: Scheme,
): Buffer {
  const work = numericOf(target.work);
  const bytes = Buffer.allocUnsafe(36 + 4 + work.length + 12 + 8 + 6 + 5);
  let at = writeBytes(bytes, 0, target.bytes);
  at = writeBytes(bytes, at, work);
  at = writeInt64(bytes, at, epoch);
  at = bytes.writeInt32BE(worker, bytes.writeInt32BE(4, at));
  at = bytes.writeInt16BE(journal, bytes.writeInt32BE(2, at));
  writeIsSolo(bytes, at, scheme);
  return bytes;
}

function writeIsSolo(bytes: Buffer, at: number, scheme: Scheme): number {
  return bytes.writeInt8(scheme === "solo" ? 1 : 0, bytes.writeInt32BE(1, at));
}

function writeBytes(bytes: Buffer, at: number, field: Uint8Array): number {
  const start = bytes.writeInt32BE(field.length, at);
  bytes.set(field, start);
  return start + field.length;
}

/** Safe integers only: they are exact in two halves. */
function writeInt64(bytes: Buffer, at: number, value: number): number {
  const high = Math.floor(value / 2 ** 32);
  const half = bytes.writeInt32BE(high, bytes.writeInt32BE(8, at));
  return bytes.writeUInt32BE(value - high * 2 ** 32, half);
}

/** A non-negative integer as `numeric`: digits to base 10,000, the first of them at `weight`. */
export function numericOf(value: bigint): Buffer {
  const known = works.get(value);
  if (known !== undefined) return known;
  const text = value.toString();
  const padded = text.padStart(Math.ceil(text.length / 4) * 4, "0");
  const digits = padded.match(/.{4}/g)!.map(Number);
  const weight = digits.length - 1;
  while (digits.at(-1) === 0) digits.pop();
  const bytes = Buffer.alloc(8 + digits.length * 2);
  bytes.writeInt16BE(digits.length, 0);
  bytes.writeInt16BE(digits.length === 0 ? 0 : weight, 2);
  digits.forEach((digit, index) => {
    bytes.writeInt16BE(digit, 8 + index * 2);
  });
  if (works.size >= maxCachedWorks) works.clear();
  works.set(value, bytes);
  return bytes;
}
