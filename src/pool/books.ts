/**
 * The ledger as the rest of the pool sees it: there from the start, whether or not its database is. Until it is,
 * journals wait and questions about blocks fail; mining does not notice.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { BlockLedger, BlockState } from "../blocks/index.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config/index.ts";
import { describeError, PoolError } from "../errors.ts";
import { pruneSegments, recoverJournal } from "../journal/index.ts";
import type { Position } from "../journal/record.ts";
import { type Ingest, type Ledger, openLedger, startEmbeddedPostgres, startIngest } from "../ledger/index.ts";
import type { Logger } from "../log/index.ts";
import type { Metrics } from "../metrics/index.ts";
import type { Addon } from "../native/addon.ts";
import { Checkpoints } from "./checkpoints.ts";
import { journalsIn } from "./journals-in.ts";
import { journalNode, orderLogOf, postgresFolderOf } from "./settings.ts";

export interface BooksOptions {
  readonly config: Config;
  readonly addon: Addon;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The record of a found block is in the books now. */
  readonly onBlock: () => void;
}

export interface Books {
  /** Fails with LEDGER_NOT_OPEN until the database has been reached. */
  readonly blocks: BlockLedger;
  announce(position: Position): void;
  /** Recovers and announces the journals of workers that this start does not have. */
  recoverWithout(workers: number): Promise<void>;
  countBlocks(): Promise<ReadonlyMap<BlockState, number>>;
  /** Whether the ledger has everything that was announced. */
  readonly caughtUp: boolean;
  /** Sees to it that checkpoints stand for the journals as far as they are needed for pruning. */
  keepCheckpoints(): Promise<void>;
  /** Deletes journal segments that are applied, older than the retention, and that two checkpoints stand for. */
  pruneJournals(): Promise<void>;
  /** Applies what was announced, within a limit, then lets the database go. */
  close(): Promise<void>;
}

const retryMs = 2_000;
const closeLimitMs = 15_000;
const dayMs = 86_400_000;

/** @throws PoolError when the database is there but not usable, or the embedded one cannot be started. */
export async function openBooks({
  config,
  addon,
  clock,
  log,
  metrics,
  onBlock,
}: BooksOptions): Promise<Books> {
  const embedded =
    config.database.url === "embedded"
      ? await startEmbeddedPostgres({ directory: postgresFolderOf(config), log })
      : undefined;
  const databaseUrl = embedded?.url ?? config.database.url;
  const journals = config.journal.directory;
  const checkpoints = new Checkpoints({
    orderLogFile: orderLogOf(config),
    journals,
    shareRetentionDays: config.ledger.shareRetentionDays,
    clock,
    log,
  });
  const waiting = new Map<string, Position>();
  let ledger: Ledger | undefined;
  let ingest: Ingest | undefined;
  let retry: NodeJS.Timeout | undefined;
  let closed = false;

  metrics.ledger.up.set(0);
  metrics.onCollect(() => {
    if (ingest !== undefined) metrics.ledger.lagSeconds.set(ingest.lagSeconds);
  });
  await open().catch(async (error: unknown) => {
    await embedded?.stop();
    throw error;
  });

  /** Only an unreachable database is waited for; one that does not fit must be seen to by somebody. */
  async function open(): Promise<void> {
    try {
      ledger = await openLedger({ databaseUrl, orderLogFile: orderLogOf(config), log });
    } catch (error) {
      if (!(error instanceof PoolError && error.code === "DATABASE_UNAVAILABLE")) throw error;
      log.error(
        { event: "ledger-not-open", code: error.code },
        `${describeError(error)} Mining goes on meanwhile.`,
      );
      retry = setTimeout(() => void openAgain(), retryMs);
      return;
    }
    if (closed) return void (await ledger.close());
    start(ledger);
  }

  async function openAgain(): Promise<void> {
    try {
      await open();
    } catch (error) {
      log.fatal({ event: "ledger-unusable", err: error }, describeError(error));
      retry = setTimeout(() => void openAgain(), retryMs * 10);
    }
  }

  function start(opened: Ledger): void {
    metrics.ledger.up.set(1);
    ingest = startIngest({
      ledger: opened,
      openJournal: journalsIn(journals, addon),
      log,
      clock,
      shareRetentionDays: config.ledger.shareRetentionDays,
      maxRecords: config.ledger.batchRecords,
      onBlock,
      metrics: {
        lagRecords: metrics.ledger.lagRecords,
        appliedShares: metrics.shares.applied,
        applySeconds: metrics.ledger.applySeconds,
        failing: { set: (value) => metrics.ledger.up.set(1 - value) },
      },
    });
    for (const position of waiting.values()) ingest.announce(position);
  }

  function opened(): Ledger {
    if (ledger !== undefined) return ledger;
    throw new PoolError(
      "LEDGER_NOT_OPEN",
      "The ledger's database has not been reached yet.",
      "Check database.url and Postgres.",
    );
  }

  async function recoverWithout(workers: number): Promise<void> {
    const own = new Set(Array.from({ length: workers }, (_, i) => journalNode(config.pool.frontEnd, i + 1)));
    for (const node of await journalNodes(journals)) {
      if (own.has(node)) continue;
      const position = await recoverJournal({ directory: join(journals, node), addon, log });
      if (position !== undefined) announce(position);
    }
  }

  function announce(position: Position): void {
    waiting.set(position.node, position);
    ingest?.announce(position);
  }

  async function pruneJournals(): Promise<void> {
    const retentionMs = config.journal.retentionDays * dayMs;
    const covered = await checkpoints.covered();
    let retainedBytes = 0;
    let isWaiting = false;
    for (const [node, applied] of await opened().cursors()) {
      const directory = join(journals, node);
      const pruned = await pruneSegments({
        directory,
        addon,
        applied,
        covered: covered.get(node),
        retentionMs,
        nowMs: clock.wallMs(),
      });
      const { deleted } = pruned;
      retainedBytes += pruned.keptBytes;
      isWaiting ||= pruned.waiting;
      if (deleted.length === 0) continue;
      log.info(
        { event: "journal-pruned", node, segments: deleted.length },
        "applied segments past their retention were deleted",
      );
    }
    checkpoints.areWaitedFor = isWaiting;
    metrics.journal.retainedBytes.set(retainedBytes);
  }

  async function close(): Promise<void> {
    closed = true;
    clearTimeout(retry);
    await checkpoints.close();
    if (ingest !== undefined) {
      await withinLimit(ingest.caughtUp(), closeLimitMs);
      await ingest.stop();
    }
    await ledger?.close();
    await embedded?.stop();
  }

  return {
    blocks: {
      followedBlocks: async (fromHeight) => opened().followedBlocks(fromHeight),
      setBlockState: async (hash, state, detail) => opened().setBlockState(hash, state, detail),
    },
    announce,
    recoverWithout,
    countBlocks: async () => opened().countBlocks(),
    get caughtUp() {
      return ingest !== undefined && ingest.lagRecords === 0;
    },
    keepCheckpoints: async () => checkpoints.keep(await opened().lastBatch()),
    pruneJournals,
    close,
  };
}

/** Folders of journals; none before the first start. */
async function journalNodes(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** What is left when the limit is over stays in the journals and is applied at the next start. */
async function withinLimit(done: Promise<void>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([done, late]);
  clearTimeout(timer);
}
