/**
 * Recent jobs on disk, so that a share for a job from before a restart still counts: `<directory>/<number>.job`, ten hex
 * digits.
 *
 *    0  magic    8 bytes, "penstjob"
 *    8  version  u32 little-endian
 *   12  length   u32 little-endian
 *   16  digest   SHA-256 of what follows
 *   48  job      V8's serialization of a KeptFile
 *
 * A job is written after it went out, since no miner waits for a disk. What a crash catches on its way is unknown after
 * the restart: its shares are `job-not-found`, and none counts twice. Files are renamed into place but not synced, so a
 * job is good for one boot of the machine only (`origin`), as are the transactions that complete its block.
 *
 * With each job is kept how far every journal had been durable before it: no share of the job stands there or earlier.
 * Who wants to know which of them were accepted reads from there on, whatever the clocks did.
 */
import { hash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import type { Clock } from "../clock.ts";
import { extranonce2Length, type JobData } from "./job.ts";
import { tipsHeld } from "./live-jobs.ts";

/** A position in one journal, as journal/record.ts has it. */
export interface JournalMark {
  readonly epoch: number;
  readonly sequence: number;
}

/** A job as one worker is told of it. */
export interface KeptJob {
  readonly job: JobData;
  /** All shares of the job in that worker's own journal stand behind this. */
  readonly after: JournalMark;
}

/** The tip that jobs were last made for, and its number. */
export interface KnownTip {
  readonly tipNumber: number;
  readonly previousHash: Uint8Array;
}

export interface KeptJobsOptions {
  readonly directory: string;
  /** Jobs of another origin are not for this run; undefined: none is. */
  readonly origin: string | undefined;
  readonly clock: Pick<Clock, "wallMs">;
  /** How many are kept, newest first. */
  readonly maxJobs: number;
  /** Older ones are not taken over from a run before. */
  readonly maxAgeMs: number;
  /** Whether the transactions of the job's block are still there. */
  readonly canComplete: (job: JobData) => boolean;
  /** A job could not be written; it is unknown after a restart. */
  readonly onTrouble: (error: Error) => void;
}

export interface KeptJobs {
  /** Of the last run, for this one to go on with; undefined if nothing is known of it. */
  readonly lastTip: KnownTip | undefined;
  /** A journal is durable up to here. */
  journalAt(position: JournalMark & { readonly node: string }): void;
  /** To be called right after the job went out, before any news from a worker is taken. */
  keep(job: JobData): void;
  /** Jobs of this run and the last, oldest first, with marks in the journal of this node. */
  forNode(node: string): readonly KeptJob[];
  /** Resolves when all that was kept so far is written. */
  settled(): Promise<void>;
}

interface KeptFile {
  readonly origin: string;
  readonly publishedMs: number;
  readonly job: JobData;
  readonly journals: ReadonlyMap<string, JournalMark>;
}

/** Before Stratum V2 there was one length of extranonce2, and jobs did not say it. */
type StoredFile = Omit<KeptFile, "job"> & {
  readonly job: Omit<JobData, "extranonce2Length"> & Partial<Pick<JobData, "extranonce2Length">>;
};

/** To be raised when the meaning of a field changes; a job with other fields is no job of this version anyway. */
const formatVersion = 1;
const magic = Buffer.from("penstjob");
const prefixLength = 48;
const extension = ".job";
/** One for all: whatever a full disk leaves of it is written over. */
const partName = "next.job-part";
/** Jobs that wait for the disk; beyond it the oldest of them is not written. */
const maxWaiting = 16;

/** Exactly what a job has: one of an earlier or later Penstock that has more or less is not taken over. */
const jobFields: Readonly<Record<keyof JobData, true>> = {
  number: true,
  templateId: true,
  kind: true,
  height: true,
  tipNumber: true,
  version: true,
  previousHash: true,
  bits: true,
  minTime: true,
  startTime: true,
  coinbase1: true,
  coinbase2: true,
  extranonce2Length: true,
  witness: true,
  witnessCommitment: true,
  merkleBranch: true,
  transactionCount: true,
  rewardSats: true,
  clean: true,
};

/** Reads what the last run left, in the caller's thread: a hundred small files or so. */
export function openKeptJobs(options: KeptJobsOptions): KeptJobs {
  const { directory, origin, clock, maxJobs } = options;
  const names = new Set(readdirSync(directory).filter((name) => name.endsWith(extension)));
  const stored = readAll(directory, names);
  const lastTip = stored.at(-1)?.job;
  const ofThisOrigin = stored.filter((file) => file.origin === origin);
  /** Oldest first. */
  let kept: readonly KeptFile[] = bounded(inOrder(ofThisOrigin).filter(isGood), maxJobs);
  /** How far each journal is known to be durable; never behind what is. */
  let journals: ReadonlyMap<string, JournalMark> = ofThisOrigin.at(-1)?.journals ?? new Map();
  const waiting: KeptFile[] = [];
  let writing: Promise<void> | undefined;

  function isGood({ publishedMs, job }: KeptFile): boolean {
    return clock.wallMs() - publishedMs <= options.maxAgeMs && options.canComplete(job);
  }

  function journalAt({ node, epoch, sequence }: JournalMark & { readonly node: string }): void {
    journals = new Map(journals).set(node, { epoch, sequence });
  }

  function keep(job: JobData): void {
    const file = { origin: origin ?? "", publishedMs: clock.wallMs(), job, journals };
    kept = bounded(inOrder([...kept, file]), maxJobs);
    if (origin === undefined) return;
    waiting.push(file);
    if (waiting.length > maxWaiting) waiting.shift();
    writing ??= writeWaiting().finally(() => {
      writing = undefined;
    });
  }

  async function writeWaiting(): Promise<void> {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      try {
        await removeOthers();
        await write(file);
      } catch (error) {
        options.onTrouble(error as Error);
      }
    }
  }

  async function write(file: KeptFile): Promise<void> {
    const name = nameOf(file.job.number);
    await writeFile(join(directory, partName), encode(file));
    await rename(join(directory, partName), join(directory, name));
    names.add(name);
  }

  async function removeOthers(): Promise<void> {
    const wanted = new Set(kept.map(({ job }) => nameOf(job.number)));
    for (const name of [...names].filter((name) => !wanted.has(name))) {
      await rm(join(directory, name), { force: true });
      names.delete(name);
    }
  }

  return {
    lastTip: lastTip && { tipNumber: lastTip.tipNumber, previousHash: lastTip.previousHash },
    journalAt,
    keep,
    // A journal that nobody has spoken of may hold anything, or be new.
    forNode: (node) =>
      kept.map(({ job, journals }) => ({ job, after: journals.get(node) ?? { epoch: 0, sequence: 0 } })),
    async settled() {
      await writing;
    },
  };
}

/** The newest jobs whose numbers and tips rise up to the last one, as they do unless somebody meddled. */
function inOrder(files: readonly KeptFile[]): readonly KeptFile[] {
  const from = files.findLastIndex(({ job }, index) => {
    const next = files[index + 1]?.job;
    return next !== undefined && !(next.number > job.number && next.tipNumber >= job.tipNumber);
  });
  return files.slice(from + 1);
}

function bounded(files: readonly KeptFile[], maxJobs: number): readonly KeptFile[] {
  const tips = [...new Set(files.map(({ job }) => job.tipNumber))].slice(-tipsHeld);
  return files.filter(({ job }) => tips.includes(job.tipNumber)).slice(-maxJobs);
}

function nameOf(jobNumber: number): string {
  return jobNumber.toString(16).padStart(10, "0") + extension;
}

/** All sound ones, oldest first. */
function readAll(directory: string, names: ReadonlySet<string>): KeptFile[] {
  return [...names]
    .flatMap((name) => {
      const file = decode(readFileSync(join(directory, name)));
      return file !== undefined && nameOf(file.job.number) === name ? [file] : [];
    })
    .sort((one, other) => one.job.number - other.job.number);
}

function encode(file: KeptFile): Buffer {
  const body = serialize(file);
  const prefix = Buffer.alloc(prefixLength);
  prefix.set(magic);
  prefix.writeUInt32LE(formatVersion, 8);
  prefix.writeUInt32LE(body.length, 12);
  prefix.set(digestOf(body), 16);
  return Buffer.concat([prefix, body]);
}

/** @returns undefined for anything but a whole file of this version. */
function decode(bytes: Buffer): KeptFile | undefined {
  if (bytes.length < prefixLength || !bytes.subarray(0, 8).equals(magic)) return undefined;
  if (bytes.readUInt32LE(8) !== formatVersion || bytes.readUInt32LE(12) !== bytes.length - prefixLength)
    return undefined;
  const body = bytes.subarray(prefixLength);
  if (!digestOf(body).equals(bytes.subarray(16, prefixLength))) return undefined;
  const file = deserializeOrUndefined(body);
  if (file === undefined) return undefined;
  const job = { extranonce2Length, ...file.job };
  return hasFieldsOfJob(job) ? { ...file, job } : undefined;
}

/** What has the right digest is what was written; only a later V8 writes what this one cannot read. */
function deserializeOrUndefined(body: Buffer): StoredFile | undefined {
  try {
    return deserialize(body) as StoredFile;
  } catch {
    return undefined;
  }
}

function hasFieldsOfJob(job: JobData): boolean {
  const fields = Object.keys(job);
  return fields.length === Object.keys(jobFields).length && fields.every((field) => field in jobFields);
}

function digestOf(body: Uint8Array): Buffer {
  return hash("sha256", body, "buffer");
}
