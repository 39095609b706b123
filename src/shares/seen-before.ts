/**
 * The window of seen shares of a worker that starts, filled from its own journal: whatever was accepted of a job from
 * before is a duplicate after, and such a job is judged only if all that was accepted of it is known.
 *
 * Why its own journal is enough: a share names an extranonce1; extranonce1 values are never in two hands, and a session
 * that is taken up again keeps its own only at the worker of the same number, which writes the same journal. Whoever
 * changes that must change this.
 *
 * Why nothing is missed: a record has its job's height, not its tip, so each share is put under every tip that an old
 * job of its height builds on; a hash that is under too many does no harm, since headers name their tip. Records of a
 * job stand behind its mark, so reading starts at the oldest one and ends with what is durable. What was judged and did
 * not become durable was answered with a refusal or not at all, and may come again.
 */
import type { JobData } from "../jobs/job.ts";
import type { KeptJob } from "../jobs/kept-jobs.ts";
import {
  type JournalBatch,
  openJournalReader,
  type PackedBatch,
  type SequencePosition,
} from "../journal/index.ts";
import type { Packer } from "../journal/packed.ts";
import { bytesBehind, comparePositions } from "../journal/segments.ts";
import type { Logger } from "../log/index.ts";
import type { Addon, SeenWindow } from "../native/addon.ts";

export interface SeenBeforeOptions {
  /** Oldest first. */
  readonly jobs: readonly KeptJob[];
  /** The folder of the worker's own journal, recovered. */
  readonly directory: string;
  /** Where its last record stands. */
  readonly committed: SequencePosition;
  readonly addon: Pick<Addon, "crc32c" | "createSeenWindow"> & Packer;
  readonly maxSeen: number;
  /** How much of the journal may be read; jobs are dropped from the oldest on until it is enough. */
  readonly maxBytes: number;
  readonly log: Logger;
}

export interface SeenBefore {
  readonly seen: SeenWindow;
  /** Those whose accepted shares are all in the window; empty if the journal did not say. */
  readonly jobs: readonly JobData[];
  /** Whether a job may be judged: one of `jobs`, or one that is newer than all that were asked about. */
  isKnown(job: JobData): boolean;
}

/** A few megabytes at once. */
const recordsAtOnce = 16_384;

/** Never throws: where anything is in doubt the old jobs go and their shares are `job-not-found`. */
export async function seenBefore(options: SeenBeforeOptions): Promise<SeenBefore> {
  const { jobs, addon, maxSeen, log } = options;
  const newest = jobs.at(-1)?.job.number ?? Number.NEGATIVE_INFINITY;
  const resultOf = (seen: SeenWindow, known: readonly JobData[]): SeenBefore => {
    const numbers = new Set(known.map(({ number }) => number));
    return { seen, jobs: known, isKnown: ({ number }) => number > newest || numbers.has(number) };
  };
  const seen = addon.createSeenWindow(maxSeen);
  if (jobs.length === 0) return resultOf(seen, []);
  try {
    const known = await fill(seen, options);
    const dropped = jobs.length - known.length;
    log.info(
      { event: "old-jobs-known", jobs: known.length, dropped, shares: seen.size },
      "shares for jobs from before the start can be judged",
    );
    return resultOf(seen, known);
  } catch (err) {
    log.warn(
      { event: "old-jobs-dropped", dropped: jobs.length, err },
      "jobs from before the start are unknown, as it is not certain which of their shares were accepted",
    );
    return resultOf(addon.createSeenWindow(maxSeen), []);
  }
}

/** @throws Error when not every accepted share can be brought into the window. */
async function fill(seen: SeenWindow, options: SeenBeforeOptions): Promise<readonly JobData[]> {
  const { directory, addon, committed } = options;
  const readable = await readableJobs(options);
  const known = readable.map(({ job }) => job).sort((one, other) => one.number - other.number);
  const tips = tipsOf(known);
  const reader = openJournalReader({ directory, addon });
  try {
    let at: SequencePosition = readable[0]!.after;
    while (comparePositions(at, committed) < 0) {
      const batch = await reader.nextPacked(at, committed, recordsAtOnce);
      if (batch === undefined) throw new Error("the journal ends before what is said to be durable");
      if (!insert(seen, tips, batch)) throw new Error("there were more shares than the window has room for");
      at = { epoch: batch.epoch, sequence: batch.last };
    }
  } finally {
    await reader.close();
  }
  return known;
}

/** Those with the oldest mark first. */
async function readableJobs(options: SeenBeforeOptions): Promise<readonly KeptJob[]> {
  const { directory, committed, maxBytes } = options;
  const jobs = [...options.jobs].sort((one, other) => comparePositions(one.after, other.after));
  // A mark is what was durable once: this is another journal, or an older copy.
  if (comparePositions(jobs.at(-1)!.after, committed) > 0)
    throw new Error("the journal ends before what was durable when a job went out");
  const marks = jobs.map(({ after }) => after);
  const amounts = await bytesBehind(directory, marks, committed);
  const readable = jobs.filter((_, index) => amounts[index]! <= maxBytes);
  if (readable.length > 0) return readable;
  throw new Error(`more than ${maxBytes} bytes of the journal would have to be read`);
}

/** @returns false if the window is full. */
function insert(seen: SeenWindow, tips: readonly Tip[], batch: PackedBatch | JournalBatch): boolean {
  if ("bytes" in batch)
    return tips.every(({ tipNumber, previousHash, height }) =>
      seen.insertShares(tipNumber, previousHash, height, batch.bytes),
    );
  return batch.records.every(
    ({ kind, height, hash }) =>
      kind !== "share" ||
      tips
        .filter((tip) => tip.height === height)
        .every(({ tipNumber, previousHash }) => seen.insert(tipNumber, previousHash, hash)),
  );
}

type Tip = Pick<JobData, "tipNumber" | "previousHash" | "height">;

/** Each block that the jobs build on, under the last number that it was a tip by. */
function tipsOf(jobs: readonly JobData[]): readonly Tip[] {
  const tips = new Map<string, Tip>();
  for (const job of jobs) tips.set(Buffer.from(job.previousHash).toString("hex"), job);
  return [...tips.values()];
}
