/**
 * The order log: in which order the ledger took the batches of several journals. With the journals it is all that
 * `recompute` needs; after Postgres came back from a backup the same batches are applied again in the same order.
 *
 *   penstock order log 1
 *   BATCH NODE EPOCH FIRST LAST CHECKSUM
 *
 * One line a batch, BATCH counting from 1 without gaps. CHECKSUM is the CRC-32 of the line before it, begun with the
 * checksum of the line above, so that equal checksums at a batch mean equal logs up to it. A torn end (nothing valid
 * after it) is cut; damage anywhere else stops the ledger and is named.
 */
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { crc32 } from "node:zlib";
import { PoolError } from "../errors.ts";

const header = "penstock order log 1\n";
/** How much of the end is checked when the log is opened; `recompute` checks all of it. */
const tailBytes = 4 * 1024 * 1024;
/** More than a line can have: a node's name is a folder's, the numbers have at most 16 digits. */
const longestLine = 1024;

export interface BatchRange {
  readonly node: string;
  readonly epoch: number;
  readonly first: number;
  readonly last: number;
}

export interface OrderEntry extends BatchRange {
  readonly batch: number;
  readonly checksum: number;
}

/** A place behind an entry of the log, from which it can be read on. */
export interface OrderMark {
  readonly batch: number;
  readonly checksum: number;
  /** Offset in the file, bytes. */
  readonly end: number;
}

export interface OrderLog {
  readonly last: OrderEntry | undefined;
  /** What `append` would write, without writing. */
  entryFor(range: BatchRange): OrderEntry;
  /** Durable when it resolves. After a failure the log takes nothing more and must be opened anew. */
  append(entries: readonly OrderEntry[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the log for writing, makes it if it is not there, and cuts a torn end.
 * @throws PoolError ORDER_LOG_DAMAGED, ORDER_LOG_VERSION, ORDER_LOG_UNWRITABLE
 */
export async function openOrderLog(file: string): Promise<OrderLog> {
  const handle = await openForWriting(file);
  try {
    const { end, last } = await readTail(file, handle);
    return writer(file, handle, end, last);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function writer(file: string, handle: FileHandle, end: number, newest: OrderEntry | undefined): OrderLog {
  let last = newest;
  let position = end;
  let failed: unknown;
  return {
    get last() {
      return last;
    },
    entryFor: (range) => {
      const entry = { batch: (last?.batch ?? 0) + 1, ...pick(range) };
      return { ...entry, checksum: checksumOf(textOf(entry), last?.checksum ?? 0) };
    },
    append: async (entries) => {
      if (failed !== undefined) throw unwritable(file, failed);
      const lines = Buffer.from(entries.map((entry) => `${textOf(entry)} ${hex(entry.checksum)}\n`).join(""));
      try {
        await handle.write(lines, 0, lines.length, position);
        await handle.datasync();
      } catch (error) {
        // Never a second fdatasync on the same data: the kernel may have dropped it and report success.
        failed = error;
        throw unwritable(file, error);
      }
      position += lines.length;
      last = entries.at(-1) ?? last;
    },
    close: () => handle.close(),
  };
}

/**
 * Reads entries from batch `from` on, checking every line from the first, or from the one behind `mark`, which must hold
 * (see `holdsMark`).
 * @throws PoolError ORDER_LOG_DAMAGED; a torn last line is left out silently, as its batch was never committed.
 */
export async function* readOrderLog(
  file: string,
  from = 1,
  mark?: OrderMark,
): AsyncGenerator<OrderEntry & OrderMark> {
  const start = mark?.end ?? 0;
  const input = createReadStream(file, { encoding: "latin1", start });
  try {
    let previous = mark?.batch ?? 0;
    // The header's line, of which nothing follows, or the marked one.
    let number = mark === undefined ? 0 : mark.batch + 1;
    let end = start;
    let torn: number | undefined;
    let above = mark === undefined ? "" : hex(mark.checksum);
    for await (const line of createInterface({ input, crlfDelay: 0 })) {
      number += 1;
      end += line.length + 1;
      if (number === 1) {
        checkHeader(file, `${line}\n`);
        continue;
      }
      const entry = parse(line, number === 2 ? 0 : checksumAtEnd(above));
      above = line;
      if (torn !== undefined && entry !== undefined) throw damaged(file, `line ${torn}`);
      if (entry === undefined || entry.batch !== previous + 1) {
        torn ??= number;
        continue;
      }
      previous = entry.batch;
      if (entry.batch >= from) yield { ...entry, end };
    }
  } finally {
    input.destroy();
  }
}

/** Whether the log has this very entry at this very place; a log that was written anew for the same batches does. */
export async function holdsMark(file: string, { batch, checksum, end }: OrderMark): Promise<boolean> {
  const handle = await open(file, "r");
  try {
    const start = Math.max(0, end - longestLine);
    const bytes = Buffer.alloc(end - start);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
    if (bytesRead < bytes.length || bytes.at(-1) !== 0x0a) return false;
    const entry = parse(bytes.toString("latin1").trimEnd().split("\n").at(-1)!, undefined);
    return entry?.batch === batch && entry.checksum === checksum;
  } finally {
    await handle.close();
  }
}

async function openForWriting(file: string): Promise<FileHandle> {
  try {
    await mkdir(dirname(file), { recursive: true });
    const handle = await open(file, "a+").then(async (made) => {
      await made.close();
      return open(file, "r+");
    });
    if ((await handle.stat()).size < header.length) {
      await handle.truncate(0);
      await handle.write(header, 0);
      await handle.sync();
      const folder = await open(dirname(file), "r");
      await folder.sync();
      await folder.close();
    }
    return handle;
  } catch (error) {
    throw unwritable(file, error);
  }
}

async function readTail(
  file: string,
  handle: FileHandle,
): Promise<{ end: number; last: OrderEntry | undefined }> {
  const { size } = await handle.stat();
  const head = Buffer.alloc(header.length);
  await handle.read(head, 0, head.length, 0);
  checkHeader(file, head.toString("latin1"));

  const start = Math.max(header.length, size - tailBytes);
  const bytes = Buffer.alloc(size - start);
  await handle.read(bytes, 0, bytes.length, start);
  const text = bytes.toString("latin1");
  // A chunk from the middle begins inside a line, and the checksum of the line above its first whole one is unknown.
  let offset = start === header.length ? 0 : text.indexOf("\n") + 1;
  let last: OrderEntry | undefined;
  if (start !== header.length) {
    const lineEnd = text.indexOf("\n", offset);
    last = parse(text.slice(offset, lineEnd), undefined);
    if (last === undefined) throw damaged(file, `offset ${start + offset}`);
    offset = lineEnd + 1;
  }
  for (let lineEnd = text.indexOf("\n", offset); lineEnd >= 0; lineEnd = text.indexOf("\n", offset)) {
    const entry = parse(text.slice(offset, lineEnd), last?.checksum ?? 0);
    if (entry === undefined || entry.batch !== (last?.batch ?? 0) + 1) break;
    last = entry;
    offset = lineEnd + 1;
  }
  if (hasValidLine(text.slice(offset))) throw damaged(file, `offset ${start + offset}`);
  if (start + offset < size) {
    await handle.truncate(start + offset);
    await handle.sync();
  }
  return { end: start + offset, last };
}

/** Whether anything after a bad line still is a whole entry: then the bad line is damage and no torn end. */
function hasValidLine(text: string): boolean {
  const lines = text.split("\n");
  return lines.slice(1).some((line, index) => parse(line, checksumAtEnd(lines[index]!)) !== undefined);
}

function checksumAtEnd(line: string): number {
  return Number.parseInt(line.slice(-8), 16);
}

const pattern = /^(\d+) ([\x21-\x7e]+) (\d+) (\d+) (\d+) ([0-9a-f]{8})$/;

/** @param above the checksum of the line above; undefined: not known, the line's own is believed. */
function parse(line: string, above: number | undefined): OrderEntry | undefined {
  const match = pattern.exec(line);
  if (match === null) return undefined;
  const checksum = Number.parseInt(match[6]!, 16);
  if (above !== undefined && checksumOf(line.slice(0, -9), above) !== checksum) return undefined;
  const [batch, epoch, first, last] = [match[1], match[3], match[4], match[5]].map(Number);
  return { batch: batch!, node: match[2]!, epoch: epoch!, first: first!, last: last!, checksum };
}

function textOf({ batch, node, epoch, first, last }: Omit<OrderEntry, "checksum">): string {
  return `${batch} ${node} ${epoch} ${first} ${last}`;
}

function checksumOf(text: string, above: number): number {
  return crc32(Buffer.from(text, "latin1"), above);
}

function pick({ node, epoch, first, last }: BatchRange): BatchRange {
  return { node, epoch, first, last };
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, "0");
}

function checkHeader(file: string, text: string): void {
  if (text === header) return;
  throw new PoolError(
    "ORDER_LOG_VERSION",
    `${file} does not begin with "${header.trim()}".`,
    "It is no order log, or a newer version of the pool wrote it: use that version.",
  );
}

function damaged(file: string, where: string): PoolError {
  return new PoolError(
    "ORDER_LOG_DAMAGED",
    `The order log ${file} is damaged at ${where}: entries follow that are intact.`,
    "Check the disk; bring back the file from a backup, or move it away to have it written anew from the database.",
  );
}

function unwritable(file: string, cause: unknown): PoolError {
  return new PoolError(
    "ORDER_LOG_UNWRITABLE",
    `The order log ${file} cannot be written: ${(cause as Error).message}.`,
    "Check the disk's space and the folder's permissions, then restart the pool.",
    { cause },
  );
}
