/**
 * Carries journals into the ledger: up to the positions that are announced as durable, the journals in turn, and first
 * of all what the order log has and the database has not. Trouble of any kind is tried again for ever, slower and
 * slower: applying is exactly-once, mining does not wait for it, and the journals keep everything.
 */
import type { Clock } from "../clock.ts";
import { PoolError } from "../errors.ts";
import type { Position } from "../journal/record.ts";
import type { Logger } from "../log/index.ts";
import type { Batch } from "./batch.ts";
import { isUnavailable } from "./database.ts";
import type { OpenJournal } from "./journal-source.ts";
import { Journals } from "./journals.ts";
import type { Ledger } from "./ledger.ts";
import { isBefore, Waiting } from "./waiting.ts";

const defaultMaxRecords = 40_000;
/** Less often than workers commit, so that the books do not fill with batches of a handful of shares. */
const defaultIntervalMs = 1000;
/** With as many waiting, or a full batch, the next round begins at once. */
const backlogRecords = 1_000;
const firstRetryMs = 100;
const lastRetryMs = 5_000;
const retentionCheckMs = 3_600_000;
const dayMs = 86_400_000;

export interface IngestMetrics {
  /** Records that are durable in a journal and not in the ledger yet. */
  readonly lagRecords?: { set(records: number): void };
  readonly appliedShares?: { inc(shares: number): void };
  readonly applySeconds?: { observe(seconds: number): void };
  /** 1 while applying fails, else 0. */
  readonly failing?: { set(value: number): void };
}

export interface IngestOptions {
  readonly ledger: Ledger;
  readonly openJournal: OpenJournal;
  readonly log: Logger;
  readonly clock: Clock;
  readonly shareRetentionDays: number;
  readonly maxRecords?: number;
  readonly intervalMs?: number;
  readonly metrics?: IngestMetrics;
  /** A block's record is in the books now. */
  readonly onBlock?: () => void;
}

export interface Ingest {
  /** Everything of this journal up to here is durable. Positions may come again or late. */
  announce(position: Position): void;
  readonly lagRecords: number;
  /** How long the oldest of them has waited since it was announced; 0 if there is none. */
  readonly lagSeconds: number;
  /** Why nothing is being applied; undefined while all is well. */
  readonly trouble: Error | undefined;
  /** Resolves when everything announced so far is applied. */
  caughtUp(): Promise<void>;
  /** Lets the batch under way end, and applies no other. */
  stop(): Promise<void>;
}

export function startIngest(options: IngestOptions): Ingest {
  const ingest = new Ingestion(options);
  ingest.start();
  return ingest;
}

class Ingestion implements Ingest {
  readonly #options: IngestOptions;
  readonly #journals: Journals;
  readonly #announced = new Map<string, Position>();
  /** Up to where each journal is known to be in the books, reading to an empty end included. */
  readonly #reached = new Map<string, Position>();
  /** Ages of what was announced and not reached, by node. */
  readonly #ages = new Map<string, Waiting>();
  readonly #waiting = new Set<() => void>();
  #wake: () => void = () => {};
  #running: Promise<void> | undefined;
  #stopped = false;
  #trouble: Error | undefined;
  #retentionCheckedMs = Number.NEGATIVE_INFINITY;

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#journals = new Journals(options.openJournal);
  }

  start(): void {
    this.#running = this.#run();
  }

  announce(position: Position): void {
    const known = this.#announced.get(position.node);
    if (known !== undefined && !isBefore(known, position)) return;
    this.#announced.set(position.node, position);
    const age = this.#ages.get(position.node) ?? new Waiting();
    this.#ages.set(position.node, age);
    if (this.#lagOf(position) > 0) age.announce(position, this.#options.clock.monotonicMs());
    this.#showLag();
    this.#wake();
  }

  get lagRecords(): number {
    let lag = 0;
    for (const upTo of this.#announced.values()) lag += this.#lagOf(upTo);
    return lag;
  }

  get lagSeconds(): number {
    const now = this.#options.clock.monotonicMs();
    const ages = [...this.#ages.values()].map(({ sinceMs }) => now - (sinceMs ?? now));
    return Math.max(0, ...ages) / 1000;
  }

  get trouble(): Error | undefined {
    return this.#trouble;
  }

  async caughtUp(): Promise<void> {
    while (this.lagRecords > 0 && !this.#stopped) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#running;
    for (const resolve of this.#waiting) resolve();
    await this.#journals.close();
  }

  async #run(): Promise<void> {
    let retryMs = firstRetryMs;
    while (!this.#stopped) {
      const startedMs = this.#options.clock.monotonicMs();
      try {
        const busy = await this.#round();
        this.#recovered();
        retryMs = firstRetryMs;
        const { intervalMs = defaultIntervalMs, clock } = this.#options;
        const restMs = intervalMs - (clock.monotonicMs() - startedMs);
        if (busy) continue;
        if (restMs > 0) await this.#pause(restMs, this.#backlog);
        if (this.lagRecords === 0) await this.#pause(retentionCheckMs, 1);
      } catch (error) {
        this.#failed(error as Error);
        await this.#pause(retryMs, Number.POSITIVE_INFINITY);
        retryMs = Math.min(retryMs * 2, lastRetryMs);
      }
    }
  }

  /** One batch of every journal that has something. @returns whether so much waits still that the next round should begin at once. */
  async #round(): Promise<boolean> {
    await this.#dropOldShares();
    const { ledger } = this.#options;
    for (let due = await ledger.pending(); due !== undefined; due = await ledger.pending()) {
      if (this.#stopped) return false;
      const batch = await this.#journals.readBatch(due);
      await this.#apply(batch);
    }
    const cursors = await ledger.cursors();
    let busy = false;
    let trouble: unknown;
    for (const [node, upTo] of this.#announced) {
      if (this.#stopped) return false;
      if (this.#lagOf(upTo) === 0) continue;
      try {
        busy = (await this.#advance(node, cursors.get(node), upTo)) || busy;
      } catch (error) {
        if (isUnavailable(error)) throw error;
        trouble ??= error; // of this journal; the others need not wait for it
      }
    }
    if (trouble !== undefined) throw trouble;
    return busy;
  }

  async #advance(node: string, cursor: Position | undefined, upTo: Position): Promise<boolean> {
    const { maxRecords = defaultMaxRecords } = this.#options;
    if (cursor !== undefined && upTo.epoch < cursor.epoch) throw journalBehind(cursor, upTo);
    if (cursor !== undefined && !isBefore(cursor, upTo)) {
      this.#reach(cursor);
      return false;
    }
    const batch = await this.#journals.nextBatch(node, cursor, upTo, maxRecords);
    if (batch === undefined) {
      this.#reach(upTo);
      return false;
    }
    await this.#apply(batch);
    const end = { node, epoch: batch.epoch, sequence: batch.last };
    this.#reach(end);
    // The rest of an epoch may be followed by the next epoch's records.
    return end.epoch < upTo.epoch || this.#lagOf(this.#announced.get(node)!) >= this.#backlog;
  }

  async #apply(batch: Batch): Promise<void> {
    const { ledger, clock, metrics, onBlock } = this.#options;
    const startedMs = clock.monotonicMs();
    await ledger.apply(batch);
    metrics?.appliedShares?.inc(batch.shares);
    metrics?.applySeconds?.observe((clock.monotonicMs() - startedMs) / 1000);
    if (batch.blocks.length > 0) onBlock?.();
  }

  #reach(position: Position): void {
    this.#reached.set(position.node, position);
    this.#ages.get(position.node)?.reach(position);
    this.#showLag();
    if (this.lagRecords > 0) return;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  /** Exact within an epoch; how much an unread earlier epoch still holds is not known, so it counts as one record. */
  #lagOf(upTo: Position): number {
    const reached = this.#reached.get(upTo.node);
    if (reached === undefined) return upTo.sequence + 1;
    if (!isBefore(reached, upTo)) return 0;
    return reached.epoch === upTo.epoch ? upTo.sequence - reached.sequence : upTo.sequence + 1;
  }

  #showLag(): void {
    this.#options.metrics?.lagRecords?.set(this.lagRecords);
  }

  async #dropOldShares(): Promise<void> {
    const { ledger, clock, shareRetentionDays, log } = this.#options;
    if (clock.monotonicMs() - this.#retentionCheckedMs < retentionCheckMs) return;
    const days = await ledger.dropSharesBefore(clock.wallMs() - shareRetentionDays * dayMs);
    this.#retentionCheckedMs = clock.monotonicMs();
    if (days > 0)
      log.info({ event: "ledger-shares-dropped", days }, "shares older than the retention were dropped");
  }

  #failed(error: Error): void {
    const code = (trouble: Error | undefined) =>
      trouble instanceof PoolError ? trouble.code : trouble?.message;
    const isNews = this.#trouble === undefined || code(this.#trouble) !== code(error);
    this.#trouble = error;
    this.#options.metrics?.failing?.set(1);
    if (!isNews) return;
    const fields = { event: "ledger-apply-failed", code: code(error), error: error.message };
    this.#options.log.error(
      fields,
      "the ledger cannot apply the journals; it keeps trying, and they keep everything",
    );
  }

  #recovered(): void {
    if (this.#trouble === undefined) return;
    this.#trouble = undefined;
    this.#options.metrics?.failing?.set(0);
    this.#options.log.info(
      { event: "ledger-apply-resumed", lagRecords: this.lagRecords },
      "the ledger applies again",
    );
  }

  /** With as many records waiting there is no rest. */
  get #backlog(): number {
    return Math.min(backlogRecords, this.#options.maxRecords ?? defaultMaxRecords);
  }

  /** @param enough records that wait end it; `stop` always does. */
  async #pause(ms: number, enough: number): Promise<void> {
    if (this.#stopped || this.lagRecords >= enough) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        if (this.lagRecords < enough && !this.#stopped) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => {};
  }
}

/** What such a journal goes on to write would be taken for records that are in the books already. */
function journalBehind(cursor: Position, upTo: Position): PoolError {
  return new PoolError(
    "LEDGER_AHEAD_OF_JOURNAL",
    `The ledger has journal ${upTo.node} up to epoch ${cursor.epoch}, but the journal itself is at epoch ${upTo.epoch}.`,
    "It was begun anew or restored from an older copy: bring back the journal that belongs to this database.",
  );
}
