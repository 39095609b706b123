/**
 * A template's transactions on disk, for the worker that finds a block: `<directory>/<template id>.txs`.
 *
 *    0  magic   8 bytes, "penstxs1"
 *    8  count   u32 little-endian, without the coinbase
 *   12  length  u32 little-endian
 *   16  data    the transactions with their witnesses, back to back
 *
 * Written under another name and renamed, so a reader sees all of it or nothing, also after kill -9. It is not synced:
 * no job outlives a power cut (kept-jobs.ts), and a block that was found is synced whole, on its own, before anything else happens.
 */
import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { PoolError } from "../errors.ts";
import type { TemplateTransactions } from "./template.ts";

export type StoredTransactions = Pick<TemplateTransactions, "count" | "data">;

const magic = Buffer.from("penstxs1");
const prefixLength = 16;
const extension = ".txs";
const temporaryExtension = ".txs-part";

/**
 * When it returns readers can see the file. Jobs of the template go out after that, never before: in the caller's
 * thread, since the way through a busy thread pool costs miners tens of milliseconds, and writing a megabyte to the
 * system's memory one.
 * @throws PoolError TRANSACTIONS_FILE_UNWRITABLE
 */
export function writeTransactionsFile(
  directory: string,
  templateId: string,
  { count, data }: StoredTransactions,
): void {
  const path = transactionsFile(directory, templateId);
  const temporary = join(directory, `${templateId}.${process.pid}${temporaryExtension}`);
  const prefix = Buffer.alloc(prefixLength);
  prefix.set(magic);
  prefix.writeUInt32LE(count, 8);
  prefix.writeUInt32LE(data.length, 12);
  try {
    writeSynchronously(temporary, [prefix, data]);
    renameSync(temporary, path);
  } catch (cause) {
    removeQuietly(temporary); // the first failure is the one to tell
    throw new PoolError(
      "TRANSACTIONS_FILE_UNWRITABLE",
      `Cannot write ${path}: ${(cause as Error).message}.`,
      "Check that the data folder exists, is writable and has space.",
      { cause },
    );
  }
}

/** Whether a block of this template can still be completed. */
export function hasTransactionsFile(directory: string, templateId: string): boolean {
  return existsSync(transactionsFile(directory, templateId));
}

function writeSynchronously(path: string, parts: readonly Uint8Array[]): void {
  const descriptor = openSync(path, "w");
  try {
    for (const part of parts)
      for (let at = 0; at < part.length; ) at += writeSync(descriptor, part, at, part.length - at);
  } finally {
    closeSync(descriptor);
  }
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // What is half written is removed by the next pruning.
  }
}

/**
 * In the caller's thread on purpose: a found block waits for nothing.
 * @throws PoolError TRANSACTIONS_FILE_MISSING, TRANSACTIONS_FILE_DAMAGED
 */
export function readTransactionsFileSync(directory: string, templateId: string): StoredTransactions {
  const path = transactionsFile(directory, templateId);
  const bytes = readOrThrow(path);
  const whole =
    bytes.length >= prefixLength &&
    bytes.subarray(0, magic.length).equals(magic) &&
    bytes.readUInt32LE(12) === bytes.length - prefixLength;
  if (whole) return { count: bytes.readUInt32LE(8), data: bytes.subarray(prefixLength) };
  throw new PoolError(
    "TRANSACTIONS_FILE_DAMAGED",
    `${path} is not a whole file of transactions.`,
    "Check the disk; the file is written in one piece.",
  );
}

export interface PruneOptions {
  /** Ids that a live job may still need. */
  readonly keep: ReadonlySet<string>;
  /** How many of the newest to keep besides. */
  readonly newest: number;
}

/** Removes what no job needs, and what other runs left half written. Resolves to how many files went. */
export async function pruneTransactionsFiles(
  directory: string,
  { keep, newest }: PruneOptions,
): Promise<number> {
  const names = await readdir(directory);
  const others = names.filter((name) => name.endsWith(extension) && !keep.has(idOf(name)));
  const surplus = (await byAge(directory, others)).slice(newest);
  const unfinished = names.filter(
    (name) => name.endsWith(temporaryExtension) && !name.endsWith(`.${process.pid}${temporaryExtension}`),
  );
  const doomed = [...surplus, ...unfinished];
  await Promise.all(doomed.map((name) => rm(join(directory, name), { force: true })));
  return doomed.length;
}

/** Newest first. */
async function byAge(directory: string, names: readonly string[]): Promise<string[]> {
  const aged = await Promise.all(
    names.map(async (name) => ({
      name,
      writtenNs: (await stat(join(directory, name), { bigint: true })).mtimeNs,
    })),
  );
  return aged.sort((a, b) => (a.writtenNs < b.writtenNs ? 1 : -1)).map(({ name }) => name);
}

function idOf(name: string): string {
  return name.slice(0, -extension.length);
}

/** The id becomes part of a path: a file name and nothing more. */
export function transactionsFile(directory: string, templateId: string): string {
  if (!/^[A-Za-z0-9_-]{1,100}$/.test(templateId)) {
    throw new RangeError(`${JSON.stringify(templateId.slice(0, 100))} cannot name a file`);
  }
  return join(directory, templateId + extension);
}

function readOrThrow(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new PoolError(
      "TRANSACTIONS_FILE_MISSING",
      `Cannot read ${path}: ${(cause as Error).message}.`,
      "Nothing but the pool may remove files from its data folder.",
      { cause },
    );
  }
}
