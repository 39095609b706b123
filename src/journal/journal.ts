/**
 * The writer. `append` copies a share's bytes into the gathering batch; one batch at a time is written and synced
 * while the next one gathers, so the price of a share falls as load rises.
 *
 *            ┌────────────────────────────────────────────────┐
 *   append ─►│ gathering ──start──► in flight: write,fdatasync│──► done(true) in order, then onCommit
 *            └────────────────────────────────────────────────┘
 *
 *   ok ◄──► alarm ◄──► refusing        free space, preallocation, a commit that does not come back
 *     └────────┴──────────┴──► failed  a write or sync of data failed: final, never retried
 *
 * After a failed sync the kernel may hold the pages as clean, so that a second sync would "succeed" without the data:
 * nothing is tried again, everybody who waits is told, and the process must stop.
 */
import { statfs } from "node:fs/promises";
import { type Clock, systemClock } from "../clock.ts";
import { PoolError } from "../errors.ts";
import type { Logger } from "../log/index.ts";
import type { Addon } from "../native/addon.ts";
import { Batch, settle } from "./batch.ts";
import { TextCache } from "./codec.ts";
import { makeDurableDirectory } from "./disk.ts";
import { headerBytes, isNodeName, maxEpoch, maxRecordBytes, recordBytes } from "./format.ts";
import { type JournalLock, lockJournal } from "./lock.ts";
import type { Durability, JournalRecord, Position, SequencePosition } from "./record.ts";
import { crc32cOf, type Recovered, recoverLocked } from "./recover.ts";
import type { Done, RunPlace } from "./run.ts";
import { SegmentWriter } from "./segment-writer.ts";
import { nextSpaceState, type SpaceState } from "./space.ts";

export type JournalState = "ok" | "alarm" | "refusing" | "failed";

export interface JournalOptions {
  /** The node's own folder; made if it is missing. */
  readonly directory: string;
  /** Letters, digits, `.`, `_`, `-`; at most 64. */
  readonly node: string;
  readonly addon: Pick<Addon, "crc32c" | "writeToDisk">;
  readonly log: Logger;
  readonly durability: Durability;
  readonly clock?: Clock;
  /** Default 64 MiB. */
  readonly segmentBytes?: number;
  /**
   * Most bytes that wait for the disk, the commit under way included; beyond it append refuses. Default 64 MiB. What
   * waits for one commit is never more than a segment.
   */
  readonly maxQueuedBytes?: number;
  /** Free space below which the state is `alarm`; default 2 GiB. */
  readonly alarmFreeBytes?: number;
  /** Free space below which the state is `refusing`; default 256 MiB. */
  readonly refuseFreeBytes?: number;
  /** How often free space and the running commit are looked at, and a failed preallocation is tried again; 2,000. */
  readonly reviewMs?: number;
  /** A commit that takes longer than this makes the journal refuse until it is done; default 10,000. */
  readonly stallMs?: number;
  /** How long another writer may take to leave; default 2,000. */
  readonly lockWaitMs?: number;
  /** At each change. */
  readonly onState?: (state: JournalState, reason: string) => void;
  /** Once, when the journal cannot go on: JOURNAL_WRITE_FAILED. Nothing more becomes durable. */
  readonly onFailure?: (error: PoolError) => void;
  readonly metrics?: JournalMetrics;
}

/** Counters to hang in; all optional. */
export interface JournalMetrics {
  /** Write and sync of one group commit. */
  readonly fsyncSeconds?: { observe(seconds: number): void };
  readonly batchRecords?: { observe(records: number): void };
  readonly bytes?: { inc(bytes: number): void };
  readonly freeBytes?: { set(bytes: number): void };
  readonly queuedBytes?: { set(bytes: number): void };
  /** Records that were not taken, or taken and not made durable. */
  readonly refused?: { inc(records: number): void };
}

export type CommitListener = (position: Position, records: number, seconds: number) => void;

export interface Journal {
  readonly node: string;
  readonly epoch: number;
  readonly state: JournalState;
  /** Why it is not `ok`, a clause for people; empty if it is. */
  readonly stateReason: string;
  /** The last durable record; of an earlier epoch, or (0, 0), until there is one in this. */
  readonly committed: Position;
  /** Bytes that wait for the disk, the commit under way included. */
  readonly queuedBytes: number;
  /**
   * Takes a record into the next group commit. The record's bytes are copied before this returns.
   * @param done called once: with true after the commit, in order; with false, at once if the record was not taken.
   * @returns its sequence, 0 if it was not taken.
   */
  append(record: JournalRecord, done?: Done): number;
  /**
   * The same for a run of records that `write` puts into the commit's bytes itself, each as `append` would have: it is
   * called once, at once, unless no record would be taken now.
   * @returns whether it was called.
   */
  appendRun(write: (place: RunPlace) => void): boolean;
  /** After the `done`s of each commit. @returns how to stop listening. */
  onCommit(listener: CommitListener): () => void;
  /** Takes nothing more, commits what it has, marks the end and unlocks. */
  close(): Promise<void>;
}

const defaults = {
  segmentBytes: 64 * 2 ** 20,
  maxQueuedBytes: 64 * 2 ** 20,
  alarmFreeBytes: 2 * 2 ** 30,
  refuseFreeBytes: 256 * 2 ** 20,
  reviewMs: 2_000,
  stallMs: 10_000,
  lockWaitMs: 2_000,
  clock: systemClock,
};
type Settings = JournalOptions & typeof defaults;

/**
 * Locks and recovers the journal and starts a new epoch in it.
 * @throws PoolError JOURNAL_LOCKED, JOURNAL_DAMAGED, JOURNAL_GAP, JOURNAL_FORMAT_NEWER, JOURNAL_OTHER_NODE,
 * JOURNAL_UNREADABLE, JOURNAL_UNWRITABLE, JOURNAL_NO_SPACE, JOURNAL_RECOVERY_FAILED, JOURNAL_OPTIONS_INVALID.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const settings: Settings = { ...defaults, ...options };
  checkOptions(settings);
  const { directory, node, addon, log } = settings;
  await makeDurableDirectory(directory).catch((cause) => {
    throw unwritable(directory, cause);
  });
  const lock = await lockJournal(directory, settings.lockWaitMs);
  try {
    const recovered = await recoverLocked(directory, addon, log);
    checkNode(directory, node, recovered);
    const epoch = nextEpoch(recovered.lastEpoch, settings.clock);
    const writer = new Writer(settings, lock, epoch, recovered.last);
    await writer.start();
    log.info(
      { event: "journal-opened", node, epoch, directory, previous: recovered.last },
      "the journal is open and recovered",
    );
    return writer;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Seconds since 1970, so that a journal that was started anew stands behind the one it replaces; always rising. */
function nextEpoch(lastEpoch: number, clock: Clock): number {
  const now = Math.floor(clock.wallMs() / 1000);
  return Math.max(lastEpoch + 1, now > 0 && now <= maxEpoch ? now : 1);
}

function checkOptions({ node, segmentBytes, maxQueuedBytes }: Settings): void {
  const fault = !isNodeName(node)
    ? `"${node}" is no name of a node`
    : !(segmentBytes % 8 === 0 && segmentBytes >= headerBytes + maxRecordBytes)
      ? `segmentBytes ${segmentBytes} is no multiple of 8 that holds a record`
      : maxQueuedBytes < maxRecordBytes
        ? `maxQueuedBytes ${maxQueuedBytes} does not hold a record`
        : undefined;
  if (fault === undefined) return;
  throw new PoolError("JOURNAL_OPTIONS_INVALID", `Journal: ${fault}.`, "Check the settings under `journal`.");
}

function checkNode(directory: string, node: string, recovered: Recovered): void {
  if (recovered.node === undefined || recovered.node === node) return;
  throw new PoolError(
    "JOURNAL_OTHER_NODE",
    `The journal ${directory} belongs to node ${recovered.node}, not ${node}.`,
    "Folders of nodes must not be renamed or swapped: put it back under its own name.",
  );
}

function unwritable(directory: string, cause: unknown): PoolError {
  const code = (cause as NodeJS.ErrnoException).code;
  const message = `The journal ${directory} cannot be written: ${(cause as Error).message}.`;
  if (isSpaceError(cause) && code !== "EMFILE" && code !== "ENFILE") {
    return new PoolError("JOURNAL_NO_SPACE", message, "Make room on its disk, then start again.", { cause });
  }
  return new PoolError("JOURNAL_UNWRITABLE", message, "Check the folder's owner, the disk and `ulimit -n`.", {
    cause,
  });
}

/** Wants that pass without harm when they hit a file that holds no share yet. */
function isSpaceError(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT", "EMFILE", "ENFILE"].includes((error as NodeJS.ErrnoException).code ?? "");
}

const noPlace: RunPlace = {
  bytes: Buffer.alloc(0),
  start: 0,
  end: 0,
  epoch: 0,
  sequence: 0,
  index: 0,
  records: 0,
  length: 0,
  done: undefined,
};

class Writer implements Journal {
  readonly node: string;
  readonly epoch: number;
  readonly #settings: Settings;
  readonly #lock: JournalLock;
  #segments!: SegmentWriter;
  readonly #texts = new TextCache();
  readonly #listeners = new Set<CommitListener>();

  /** One for all runs: nothing is allocated for them. */
  readonly #place: RunPlace;
  #gathering: Batch;
  #inFlight: Batch;
  #committed: SequencePosition;
  #nextSequence = 1;
  /** A commit is scheduled, but has not started. */
  #scheduled = false;
  /** A commit or a rotation is under way. */
  #busy = false;
  #busySinceMs = 0;

  /** Until the journal is in its owner's hands there is nobody to tell. */
  #started = false;
  #state: JournalState = "ok";
  #stateReason = "";
  #space: SpaceState = "ok";
  #spaceSaid = false;
  #preallocationError: Error | undefined;
  #stalled = false;
  #queueFull = false;
  #failure: PoolError | undefined;
  #reviewing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;

  constructor(settings: Settings, lock: JournalLock, epoch: number, previous: SequencePosition) {
    this.#settings = settings;
    this.#lock = lock;
    this.node = settings.node;
    this.epoch = epoch;
    this.#committed = previous;
    const crc32c = crc32cOf(settings.addon);
    this.#place = { ...noPlace, epoch };
    this.#gathering = new Batch(epoch, crc32c);
    this.#inFlight = new Batch(epoch, crc32c);
  }

  async start(): Promise<void> {
    const { directory, node, durability, segmentBytes, addon, clock, reviewMs } = this.#settings;
    const { epoch } = this;
    const onError = (error: Error) => this.#fail(error);
    const crc32c = crc32cOf(addon);
    const options = { directory, node, epoch, durability, segmentBytes, crc32c, addon, clock, onError };
    try {
      this.#segments = await SegmentWriter.open(options);
      await this.#segments.prepare();
      await this.#segments.rotate(1, this.#committed);
    } catch (cause) {
      await this.#segments?.release();
      throw unwritable(directory, cause);
    }
    this.#prepareNext();
    await this.#review();
    this.#started = true;
    this.#timer = setInterval(() => void this.#review(), reviewMs).unref();
  }

  get state(): JournalState {
    return this.#state;
  }

  get stateReason(): string {
    return this.#stateReason;
  }

  get committed(): Position {
    return { node: this.node, epoch: this.#committed.epoch, sequence: this.#committed.sequence };
  }

  get queuedBytes(): number {
    return this.#gathering.length + this.#inFlight.length;
  }

  onCommit(listener: CommitListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  append(record: JournalRecord, done?: Done): number {
    const account = this.#texts.get(record.account);
    const worker = this.#texts.get(record.worker);
    const room = recordBytes(account.length, worker.length);
    if (!this.#takes(room)) {
      this.#settings.metrics?.refused?.inc(1);
      done?.(false);
      return 0;
    }
    const sequence = this.#nextSequence++;
    this.#gathering.add(record, sequence, room, account, worker, done);
    this.#schedule();
    return sequence;
  }

  appendRun(write: (place: RunPlace) => void): boolean {
    if (!this.#takes(maxRecordBytes)) return false;
    const place = this.#place;
    this.#gathering.offer(place, this.#nextSequence, this.#batchLimit);
    write(place);
    if (place.records === 0) return true;
    this.#nextSequence += place.records;
    this.#gathering.take(place);
    this.#schedule();
    return true;
  }

  #schedule(): void {
    if (this.#busy || this.#scheduled) return;
    this.#scheduled = true;
    // After this turn of the event loop: all shares that were read in it share one commit.
    setImmediate(this.#startCommit);
  }

  /** Most bytes that the gathering commit may have. */
  get #batchLimit(): number {
    return Math.min(this.#segments.capacity, this.#settings.maxQueuedBytes - this.#inFlight.length);
  }

  #takes(room: number): boolean {
    if (this.#state === "refusing" || this.#state === "failed" || this.#closing !== undefined) return false;
    if (this.#gathering.length + room <= this.#batchLimit) return true;
    if (!this.#queueFull) {
      this.#queueFull = true;
      this.#settings.log.error(
        { event: "journal-queue-full", queuedBytes: this.queuedBytes },
        "the disk is slower than the shares come in; shares are refused until it catches up",
      );
    }
    return false;
  }

  readonly #startCommit = (): void => {
    this.#scheduled = false;
    if (this.#busy || this.#failure !== undefined || this.#gathering.count === 0) return;
    this.#busy = true;
    this.#busySinceMs = this.#settings.clock.monotonicMs();
    if (!this.#segments.fits(this.#gathering.length)) return void this.#rotate();
    const batch = this.#gathering;
    this.#gathering = this.#inFlight;
    this.#inFlight = batch;
    this.#settings.metrics?.queuedBytes?.set(batch.length);
    this.#segments.write(batch.bytes, batch.length, this.#written);
  };

  readonly #written = (error: Error | null): void => {
    this.#busy = false;
    if (error !== null) this.#fail(error);
    // The failure may have come from elsewhere while this commit was under way; who waited was told then.
    if (this.#failure === undefined) this.#acknowledge();
    this.#sayIdle();
  };

  #acknowledge(): void {
    const { metrics, clock, log } = this.#settings;
    const batch = this.#inFlight;
    const { count, length } = batch;
    const seconds = (clock.monotonicMs() - this.#busySinceMs) / 1000;
    this.#committed = { epoch: this.epoch, sequence: batch.first + count - 1 };
    const position = this.committed;
    const dones = batch.empty();
    this.#queueFull = false;
    if (this.#stalled) this.#setStalled(false);
    // The disk works on while the answers go out.
    this.#startCommit();
    metrics?.fsyncSeconds?.observe(seconds);
    metrics?.batchRecords?.observe(count);
    metrics?.bytes?.inc(length);
    if (!this.#busy) metrics?.queuedBytes?.set(0);
    settle(dones, true, log);
    for (const listener of this.#listeners) listener(position, count, seconds);
  }

  #sayIdle(): void {
    if (this.#isIdle) this.#whenIdle?.();
  }

  get #isIdle(): boolean {
    return !this.#busy && this.#gathering.count === 0;
  }

  /** Goes on in the next segment, then commits what has gathered. */
  async #rotate(): Promise<void> {
    try {
      await this.#segments.prepare();
    } catch (error) {
      this.#busy = false;
      return isSpaceError(error) ? this.#dropGathered(error as Error) : this.#fail(error as Error);
    }
    try {
      await this.#segments.rotate(this.#gathering.first, this.#committed);
    } catch (error) {
      this.#busy = false;
      return this.#fail(error as Error);
    }
    this.#busy = false;
    this.#prepareNext();
    this.#startCommit();
    this.#sayIdle();
  }

  /** There is no room for what has gathered; nothing of it was written, so its sequences are free again. */
  #dropGathered(error: Error): void {
    this.#preallocationError = error;
    this.#updateState();
    this.#nextSequence = this.#gathering.first;
    this.#settleFalse([this.#gathering]);
  }

  #settleFalse(batches: readonly Batch[]): void {
    const records = batches.reduce((sum, { count }) => sum + count, 0);
    const dones = batches.flatMap((batch) => batch.empty());
    this.#settings.metrics?.refused?.inc(records);
    this.#settings.metrics?.queuedBytes?.set(0);
    settle(dones, false, this.#settings.log);
    this.#sayIdle();
  }

  #prepareNext(): void {
    this.#segments.prepare().then(
      () => {
        if (this.#preallocationError === undefined) return;
        this.#preallocationError = undefined;
        this.#updateState();
      },
      (error: Error) => {
        if (this.#closing !== undefined) return; // it was given up, or nobody needs it any more
        if (!isSpaceError(error)) return this.#fail(error);
        this.#preallocationError = error;
        this.#updateState();
      },
    );
  }

  /** Looks at what changes by itself: free space, a preallocation to try again, a commit that does not come back. */
  #review(): Promise<void> {
    this.#reviewing ??= this.#reviewNow().finally(() => {
      this.#reviewing = undefined;
    });
    return this.#reviewing;
  }

  async #reviewNow(): Promise<void> {
    const { clock, stallMs, metrics, log, directory, segmentBytes } = this.#settings;
    if (this.#failure !== undefined) return;
    if (this.#busy && clock.monotonicMs() - this.#busySinceMs > stallMs) this.#setStalled(true);
    let freeBytes = Number.POSITIVE_INFINITY;
    try {
      const { bavail, bsize } = await statfs(directory);
      freeBytes = bavail * bsize;
      metrics?.freeBytes?.set(freeBytes);
      this.#space = nextSpaceState(this.#space, freeBytes, this.#settings);
      this.#spaceSaid = false;
    } catch (error) {
      if (!this.#spaceSaid) {
        log.warn(
          { event: "journal-space-unknown", err: error },
          "the free space of the journal's disk is unknown",
        );
      }
      this.#spaceSaid = true;
    }
    this.#updateState();
    const roomForSpare = this.#space !== "refusing" && freeBytes > segmentBytes;
    if (this.#closing === undefined && roomForSpare && !this.#segments.hasSpare) this.#prepareNext();
  }

  #setStalled(stalled: boolean): void {
    this.#stalled = stalled;
    this.#updateState();
  }

  #updateState(): void {
    const [state, reason] = this.#judgeState();
    if (state === this.#state && reason === this.#stateReason) return;
    this.#state = state;
    this.#stateReason = reason;
    const { log, onState } = this.#settings;
    const fields = { event: "journal-state", node: this.node, state, reason };
    if (state === "ok") log.info(fields, "the journal is well again");
    else if (state === "alarm") log.warn(fields, "the journal's disk runs full");
    else
      log.error(
        fields,
        state === "failed" ? "the journal cannot go on" : "the journal refuses shares for now",
      );
    if (this.#started) onState?.(state, reason);
  }

  #judgeState(): [JournalState, string] {
    if (this.#failure !== undefined) return ["failed", "the journal's disk failed"];
    if (this.#preallocationError !== undefined) return ["refusing", spaceReason(this.#preallocationError)];
    if (this.#stalled) return ["refusing", "the journal's disk does not answer"];
    if (this.#space === "refusing") return ["refusing", "the journal's disk is full"];
    return this.#space === "alarm" ? ["alarm", "the journal's disk is almost full"] : ["ok", ""];
  }

  /** Final. Whatever a second try would say, the data of the first may be gone. */
  #fail(cause: Error | null): void {
    if (this.#failure !== undefined) return;
    this.#failure = new PoolError(
      "JOURNAL_WRITE_FAILED",
      `The journal ${this.#segments.path} cannot be written any more: ${cause?.message ?? "it failed before"}.`,
      "Check the disk (`dmesg`), replace it if need be, and start the pool again: every acknowledged share is kept.",
      { cause },
    );
    clearInterval(this.#timer);
    this.#settings.log.fatal({ event: "journal-failed", err: this.#failure }, this.#failure.message);
    this.#updateState();
    this.#settleFalse([this.#inFlight, this.#gathering]);
    this.#settings.onFailure?.(this.#failure);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    if (!this.#isIdle) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    await this.#reviewing;
    if (this.#failure === undefined) {
      await this.#segments.finish(this.#nextSequence).catch((error) => {
        // Every record is durable already; only the mark is missing, and the next opening sets it.
        const { log } = this.#settings;
        log.warn(
          { event: "journal-end-mark-failed", err: error },
          "the journal was closed without its end mark",
        );
      });
    }
    await this.#segments.release();
    await this.#lock.release();
    this.#settings.log.info({ event: "journal-closed", ...this.committed }, "the journal is closed");
  }
}

function spaceReason(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EMFILE" || code === "ENFILE"
    ? "the process has no descriptors left for the journal"
    : "the journal's disk is full";
}
