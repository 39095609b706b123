/** What has to be looked at again and again in the primary: jobs that grow old, files that pile up, gauges. */
import { displayHash } from "../bitcoin/hash.ts";
import type { CandidateStore } from "../blocks/index.ts";
import type { Clock } from "../clock.ts";
import { type Config, feeMillionths, windowThousandths } from "../config/index.ts";
import { describeError, PoolError } from "../errors.ts";
import type { BlockRecord } from "../journal/record.ts";
import type { Logger } from "../log/index.ts";
import type { Metrics } from "../metrics/index.ts";
import { blockStates } from "../metrics/labels.ts";
import { pruneTransactionsFiles } from "../template/transactions-file.ts";
import type { Books } from "./books.ts";
import { recordOfBlock } from "./missing-records.ts";
import { type Folders, templatesKept } from "./settings.ts";

export interface HousekeepingOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly folders: Folders;
  readonly books: Books;
  readonly candidates: CandidateStore;
  readonly templateAgeSeconds: () => number;
  readonly readiness: () => { readonly ready: boolean };
  readonly saveDifficulties: () => Promise<void>;
  /** Has a worker write the record of a block that no journal has. */
  readonly askForRecord: (record: BlockRecord) => void;
  readonly everySecond: () => void;
}

const countBlocksMs = 2_000;
const recordCheckMs = 10_000;
const templatesMs = 60_000;
const journalsMs = 60_000;
const difficultiesMs = 60_000;

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #timers: NodeJS.Timeout[];
  /** Candidates that the ledger did not have at the last look: a record may be on its way. */
  #suspects = new Set<string>();
  /** Trouble that is known and was logged. */
  readonly #troubles = new Map<string, string>();

  constructor(options: HousekeepingOptions) {
    this.#options = options;
    const { metrics, templateAgeSeconds, readiness } = options;
    metrics.onCollect(() => {
      const age = templateAgeSeconds();
      if (Number.isFinite(age)) metrics.template.ageSeconds.set(age);
      metrics.runtime.ready.set(readiness().ready ? 1 : 0);
    });
    this.#timers = [
      setInterval(options.everySecond, 1_000),
      this.#every(countBlocksMs, "blocks-not-counted", () => this.#countBlocks()),
      this.#every(recordCheckMs, "block-records-not-checked", () => this.#checkRecords()),
      this.#every(templatesMs, "templates-not-pruned", () => this.#pruneTemplates()),
      this.#every(journalsMs, "checkpoint-not-made", () => options.books.keepCheckpoints()),
      this.#every(journalsMs, "journals-not-pruned", () => options.books.pruneJournals()),
      this.#every(difficultiesMs, "difficulties-not-saved", () => options.saveDifficulties()),
    ];
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** At once and then every so often, one run at a time; trouble is logged once until it is over. */
  #every(periodMs: number, event: string, act: () => Promise<void>): NodeJS.Timeout {
    let busy = false;
    const run = () => {
      if (busy) return;
      busy = true;
      act()
        .then(() => this.#troubles.delete(event))
        .catch((error: unknown) => this.#complain(event, error))
        .finally(() => {
          busy = false;
        });
    };
    run();
    return setInterval(run, periodMs);
  }

  #complain(event: string, error: unknown): void {
    const text = describeError(error);
    if (this.#troubles.get(event) === text) return;
    this.#troubles.set(event, text);
    // The ledger says itself when its database is away.
    if (error instanceof PoolError && /^(LEDGER_NOT_OPEN|DATABASE_UNAVAILABLE)$/.test(error.code)) return;
    this.#options.log.warn({ event, err: error }, text);
  }

  async #countBlocks(): Promise<void> {
    const { books, metrics } = this.#options;
    const counts = await books.countBlocks();
    for (const state of blockStates) metrics.blocks.byState.set({ state }, counts.get(state) ?? 0);
  }

  /** A candidate on disk whose record is in no journal at the second look gets one. */
  async #checkRecords(): Promise<void> {
    const { books, candidates, log } = this.#options;
    const stored = candidates.list();
    if (stored.length === 0 || !books.caughtUp) return;
    const inLedger = new Set((await books.blocks.followedBlocks(0)).map(({ hash }) => displayHash(hash)));
    const missing = stored.filter((hash) => !inLedger.has(displayHash(hash)));
    for (const hash of missing) {
      const name = displayHash(hash);
      if (!this.#suspects.has(name)) continue;
      log.error(
        { event: "block-record-missing", hash: name },
        "a stored block is in no journal; its record is written now",
      );
      this.#askForRecord(hash);
    }
    this.#suspects = new Set(missing.map(displayHash));
  }

  #askForRecord(hash: Uint8Array): void {
    const { config, candidates, clock, askForRecord } = this.#options;
    const terms = { feeMillionths: feeMillionths(config), windowThousandths: windowThousandths(config) };
    const bytes = candidates.read(hash);
    if (bytes !== undefined) askForRecord(recordOfBlock(bytes, terms, clock.wallMs(), config.chain));
  }

  async #pruneTemplates(): Promise<void> {
    await pruneTransactionsFiles(this.#options.folders.templates, { keep: new Set(), newest: templatesKept });
  }
}
