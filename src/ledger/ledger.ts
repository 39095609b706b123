/**
 * The books in Postgres. One writer (an advisory lock sees to it) applies batches of the journals, each in one
 * transaction with its position, its place in the order and all that follows from it:
 *
 *   shares, slices, blocks, cursor, batch row ──► order log on disk (fdatasync) ──► COMMIT
 *
 * A crash between the last two leaves the order log ahead; so does a database that came back from a backup. Such
 * `pending` batches are applied first and in that order, from the journals, with the same result to the satoshi.
 */
import { once } from "node:events";
import type { Client } from "pg";
import copyStreams from "pg-copy-streams";
import type { BlockLedger, BlockState, FollowedBlock } from "../blocks/state.ts";
import { PoolError } from "../errors.ts";
import type { JournalBatch, Position, Room } from "../journal/index.ts";
import type { Logger } from "../log/index.ts";
import { type Batch, batchOf } from "./batch.ts";
import { countByState, moveBlock, selectFollowed } from "./block-states.ts";
import { checkServer, connect, inWords, isConflict, isUnavailable } from "./database.ts";
import { Dictionary } from "./dictionary.ts";
import { migrate } from "./migrations.ts";
import { type BatchRange, type OrderEntry, type OrderLog, openOrderLog, readOrderLog } from "./order-log.ts";
import type { PplnsState } from "./pplns.ts";
import { dayOf, dropPartitions, makePartition, partitionDays } from "./share-partitions.ts";
import { copyShares } from "./share-rows.ts";
import { statement } from "./sql.ts";
import { carryOut, loadPplns } from "./steps.ts";
import { lockWriter, transaction } from "./transaction.ts";

const selectLastBatch = statement("select-last-batch");
const selectBatch = statement("select-batch");
const selectBatchesAfter = statement("select-batches-after");
const insertBatch = statement("insert-batch");
const selectCursors = statement("select-cursors");
const insertCursor = statement("insert-cursor");
const moveCursor = statement("move-cursor");
const selectKnownBlocks = statement("select-known-blocks");

/** A body goes out in pieces, so that no turn of the loop copies all of it into the socket. */
const copyPieceBytes = 512 * 1024;

/** How often one call tries again after a lost connection or a conflict before it leaves that to its caller. */
const maxTries = 4;

export interface LedgerOptions {
  readonly databaseUrl: string;
  readonly orderLogFile: string;
  readonly log: Logger;
  /** How long the lock of another writer is waited for: one of our own that was cut off lives on for a moment. */
  readonly lockPatienceMs?: number;
}

export interface Ledger extends BlockLedger {
  /** Up to where each journal is in the books, by node. */
  cursors(): Promise<ReadonlyMap<string, Position>>;
  /** The last batch that is in the books; 0 if none is. */
  lastBatch(): Promise<number>;
  /** What must be applied next, exactly so, before anything new; undefined when nothing is pending. */
  pending(): Promise<BatchRange | undefined>;
  /**
   * Applies consecutive records exactly once: what is in the books already is left out.
   * @returns how many records were new.
   * @throws PoolError DATABASE_UNAVAILABLE (call again later), LEDGER_GAP, LEDGER_OUT_OF_ORDER, ORDER_LOG_…
   */
  apply(batch: JournalBatch | Batch): Promise<number>;
  /** How many blocks are in each state. */
  countBlocks(): Promise<ReadonlyMap<BlockState, number>>;
  /** Drops the shares of whole UTC days that ended before `timeMs`. @returns how many days went. */
  dropSharesBefore(timeMs: number): Promise<number>;
  close(): Promise<void>;
}

/** Brings the schema up to date and makes database and order log agree. */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const client = await connect(options.databaseUrl, "penstock ledger migration");
  try {
    await checkServer(client, options.log);
    await migrate(client, options.log);
  } finally {
    await client.end();
  }
  const ledger = new PostgresLedger(options);
  await ledger.cursors();
  return ledger;
}

/** What the writer knows of the database; thrown away and read again after any failure. */
interface Known {
  readonly client: Client;
  readonly orderLog: OrderLog;
  readonly cursors: Map<string, Cursor>;
  readonly partitions: Set<number>;
  readonly dictionary: Dictionary;
  /** A connection of its own, a room of its own: one that was cut off may still be sending from the old. */
  readonly room: Room;
  lastBatch: number;
  pplns: PplnsState;
  pending: AsyncGenerator<OrderEntry> | undefined;
  nextPending: OrderEntry | undefined;
}

interface Cursor {
  readonly id: number;
  readonly epoch: number;
  readonly sequence: number;
}

interface BatchRow {
  readonly batch: string;
  readonly node: string;
  readonly epoch: string;
  readonly first: string;
  readonly last: string;
  readonly checksum: string;
}

class PostgresLedger implements Ledger {
  readonly #options: LedgerOptions;
  #known: Known | undefined;
  /** Calls take turns: there is one connection and one order. */
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  cursors(): Promise<ReadonlyMap<string, Position>> {
    return this.#inTurn(async ({ cursors }) => {
      const positions = [...cursors].map(
        ([node, { epoch, sequence }]) => [node, { node, epoch, sequence }] as const,
      );
      return new Map(positions);
    });
  }

  lastBatch(): Promise<number> {
    return this.#inTurn(async ({ lastBatch }) => lastBatch);
  }

  pending(): Promise<BatchRange | undefined> {
    return this.#inTurn(async ({ nextPending }) => nextPending);
  }

  apply(given: JournalBatch | Batch): Promise<number> {
    const batch = "records" in given ? batchOf(given) : given;
    return this.#inTurn((known) => applyBatch(known, batch));
  }

  followedBlocks(fromHeight: number): Promise<readonly FollowedBlock[]> {
    return this.#inTurn(({ client }) => selectFollowed(client, fromHeight));
  }

  countBlocks(): Promise<ReadonlyMap<BlockState, number>> {
    return this.#inTurn(({ client }) => countByState(client));
  }

  async setBlockState(
    hash: Uint8Array,
    state: BlockState,
    detail: { confirmations: number; reason?: string },
  ): Promise<void> {
    await this.#inTurn(({ client }) => transaction(client, () => moveBlock(client, hash, state, detail)));
  }

  dropSharesBefore(timeMs: number): Promise<number> {
    return this.#inTurn(async ({ client, partitions }) => {
      const dropped = await dropPartitions(client, dayOf(timeMs));
      if (dropped > 0) {
        partitions.clear();
        for (const day of await partitionDays(client)) partitions.add(day);
      }
      return dropped;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#turn;
    await this.#discard();
  }

  /** One call at a time; after a failure everything known is read again, and what may be tried again is. */
  #inTurn<T>(act: (known: Known) => Promise<T>): Promise<T> {
    const result = this.#turn.then(async () => {
      for (let tries = 1; ; tries += 1) {
        if (this.#closed)
          throw new PoolError("LEDGER_CLOSED", "The ledger is closed.", "The pool is stopping.");
        try {
          this.#known ??= await this.#load();
          return await act(this.#known);
        } catch (error) {
          if (error instanceof PoolError && error.code === "LEDGER_BLOCK_UNKNOWN") throw error;
          await this.#discard();
          if (!isConflict(error) && !isUnavailable(error)) throw error;
          if (tries >= maxTries) throw inWords(error, this.#options.databaseUrl);
        }
      }
    });
    this.#turn = result.catch(() => {}); // its caller has the error; the next call is not concerned
    return result;
  }

  async #discard(): Promise<void> {
    const known = this.#known;
    this.#known = undefined;
    if (known === undefined) return;
    await known.pending?.return(undefined);
    await known.orderLog.close();
    await known.client.end().catch(() => {}); // a connection that is lost cannot say goodbye
  }

  async #load(): Promise<Known> {
    const { databaseUrl, orderLogFile, log, lockPatienceMs } = this.#options;
    const client = await connect(databaseUrl, "penstock ledger");
    let orderLog: OrderLog | undefined;
    try {
      await lockWriter(client, lockPatienceMs);
      orderLog = await openOrderLog(orderLogFile);
      const lastBatch = await agree(client, orderLog, orderLogFile, log);
      const { rows } = await client.query<Cursor & { node: string }>(selectCursors);
      const cursors = rows.map(({ node, id, epoch, sequence }) => {
        return [node, { id, epoch: Number(epoch), sequence: Number(sequence) }] as const;
      });
      const known: Known = {
        client,
        orderLog,
        cursors: new Map(cursors),
        partitions: await partitionDays(client),
        dictionary: new Dictionary(),
        room: { bytes: Buffer.alloc(0) },
        lastBatch,
        pplns: await loadPplns(client),
        pending: undefined,
        nextPending: undefined,
      };
      if ((orderLog.last?.batch ?? 0) > lastBatch) {
        known.pending = readOrderLog(orderLogFile, lastBatch + 1);
        await nextPending(known);
      }
      return known;
    } catch (error) {
      await orderLog?.close();
      await client.end().catch(() => {}); // the first error tells more
      throw error;
    }
  }
}

async function nextPending(known: Known): Promise<void> {
  const next = await known.pending?.next();
  known.nextPending = next === undefined || next.done ? undefined : next.value;
  if (known.nextPending === undefined) known.pending = undefined;
}

async function applyBatch(known: Known, given: Batch): Promise<number> {
  const cursor = known.cursors.get(given.node);
  const batch = withoutReplay(given, cursor);
  if (batch === undefined) return 0;
  const { client, orderLog, nextPending: due } = known;
  if (due !== undefined && !isSame(due, batch)) throw outOfOrder(due, batch);
  const entry = due ?? orderLog.entryFor(batch);

  const { pplns, id } = await transaction(client, async () => {
    const applied = await write(known, batch, cursor, entry);
    if (due === undefined) await orderLog.append([entry]);
    return applied;
  });
  known.pplns = pplns;
  known.lastBatch = entry.batch;
  known.cursors.set(batch.node, { id, epoch: batch.epoch, sequence: batch.last });
  if (due !== undefined) await nextPending(known);
  return batch.count;
}

async function write(
  known: Known,
  batch: Batch,
  cursor: Cursor | undefined,
  entry: OrderEntry,
): Promise<{ pplns: PplnsState; id: number }> {
  const { client, dictionary } = known;
  const id = await saveCursor(client, batch, cursor);
  await dictionary.learn(client, batch.names);
  await makePartitions(known, batch.days);
  const workerOf = (account: string, worker: string) => dictionary.worker(account, worker);
  if (batch.shares > 0) await copy(client, batch.copyBody(id, workerOf, known.room));

  const isKnown = await knownBlocks(client, batch);
  const { state, steps } = batch.fold(known.pplns, isKnown);
  await carryOut(client, batch, steps, state, dictionary);
  const { node, epoch, first, last, checksum } = entry;
  await client.query(insertBatch, [entry.batch, node, epoch, first, last, checksum]);
  return { pplns: state, id };
}

/** @returns undefined if all of it is in the books. @throws PoolError LEDGER_GAP */
function withoutReplay(batch: Batch, cursor: Cursor | undefined): Batch | undefined {
  const { epoch, sequence } = cursor ?? { epoch: 0, sequence: 0 };
  if (batch.epoch < epoch || (batch.epoch === epoch && batch.last <= sequence)) return undefined;
  const next = batch.epoch === epoch ? sequence + 1 : 1;
  if (batch.first > next || batch.count !== batch.last - batch.first + 1) {
    throw new PoolError(
      "LEDGER_GAP",
      `Journal ${batch.node} goes on at ${batch.epoch}:${batch.first}, but the ledger stands at ${epoch}:${sequence}.`,
      "Records are missing in between: check with `penstock journal verify` and bring back the missing segments.",
    );
  }
  return batch.first === next ? batch : batch.from(next);
}

async function saveCursor(client: Client, batch: BatchRange, cursor: Cursor | undefined): Promise<number> {
  const { node, epoch, last } = batch;
  if (cursor === undefined) {
    const { rows } = await client.query<{ id: number }>(insertCursor, [node, epoch, last]);
    return rows[0]!.id;
  }
  const { rowCount } = await client.query(moveCursor, [node, epoch, last, cursor.epoch, cursor.sequence]);
  if (rowCount === 1) return cursor.id;
  throw new PoolError(
    "LEDGER_FENCED",
    `Somebody else moved the position of journal ${node}.`,
    "Run only one pool on this database.",
  );
}

async function makePartitions({ client, partitions }: Known, days: ReadonlySet<number>): Promise<void> {
  for (const day of days) {
    if (partitions.has(day)) continue;
    await makePartition(client, day);
    partitions.add(day); // forgotten with everything else if the transaction fails
  }
}

async function copy(client: Client, body: Buffer): Promise<void> {
  const stream = client.query(copyStreams.from(copyShares));
  stream.on("error", () => {}); // the first one is thrown below; a second, of the dying connection, tells no more
  const done = once(stream, "finish");
  for (let at = 0; at < body.length; at += copyPieceBytes)
    stream.write(body.subarray(at, at + copyPieceBytes));
  stream.end();
  await done;
}

async function knownBlocks(client: Client, batch: Batch): Promise<(hash: Uint8Array) => boolean> {
  const hashes = batch.blocks.map(({ hash }) => hash);
  if (hashes.length === 0) return () => false;
  const { rows } = await client.query<{ hash: Buffer }>(selectKnownBlocks, [hashes]);
  const known = new Set(rows.map(({ hash }) => hash.toString("hex")));
  return (hash) => known.has(Buffer.from(hash).toString("hex"));
}

/**
 * Compares database and order log where both have entries, and writes into the log what only the database has.
 * @returns the last batch of the database.
 */
async function agree(client: Client, orderLog: OrderLog, file: string, log: Logger): Promise<number> {
  const { rows } = await client.query<BatchRow>(selectLastBatch);
  const inDatabase = rows[0] === undefined ? undefined : entryOf(rows[0]);
  const inLog = orderLog.last;
  if (inDatabase === undefined) return 0;
  if (inLog !== undefined && inLog.batch >= inDatabase.batch) {
    const entry = inLog.batch === inDatabase.batch ? inLog : await entryAt(file, inDatabase.batch);
    if (entry?.checksum !== inDatabase.checksum) throw conflict(file, inDatabase.batch);
    return inDatabase.batch;
  }
  if (inLog !== undefined) {
    const common = await client.query<BatchRow>(selectBatch, [inLog.batch]);
    if (Number(common.rows[0]?.checksum) !== inLog.checksum) throw conflict(file, inLog.batch);
  }
  await writeAnew(client, orderLog, file, log);
  return inDatabase.batch;
}

async function writeAnew(client: Client, orderLog: OrderLog, file: string, log: Logger): Promise<void> {
  const from = orderLog.last?.batch ?? 0;
  for (;;) {
    const { rows } = await client.query<BatchRow>(selectBatchesAfter, [orderLog.last?.batch ?? 0]);
    if (rows.length === 0) break;
    await orderLog.append(rows.map(entryOf));
  }
  const batches = (orderLog.last?.batch ?? 0) - from;
  log.warn(
    { event: "order-log-rebuilt", file, batches },
    "the order log lacked batches that the database has; they were written into it again",
  );
}

async function entryAt(file: string, batch: number): Promise<OrderEntry | undefined> {
  for await (const entry of readOrderLog(file, batch)) return entry;
  return undefined;
}

function entryOf(row: BatchRow): OrderEntry {
  const [batch, epoch, first, last, checksum] = [row.batch, row.epoch, row.first, row.last, row.checksum].map(
    Number,
  );
  return { batch: batch!, node: row.node, epoch: epoch!, first: first!, last: last!, checksum: checksum! };
}

function isSame(left: BatchRange, right: BatchRange): boolean {
  return (
    left.node === right.node &&
    left.epoch === right.epoch &&
    left.first === right.first &&
    left.last === right.last
  );
}

function outOfOrder(due: OrderEntry, batch: BatchRange): PoolError {
  const name = ({ node, epoch, first, last }: BatchRange) => `${node} ${epoch}:${first}-${last}`;
  return new PoolError(
    "LEDGER_OUT_OF_ORDER",
    `The order log asks for ${name(due)} as batch ${due.batch}, but ${name(batch)} came.`,
    "This is a bug; please report it.",
  );
}

function conflict(file: string, batch: number): PoolError {
  return new PoolError(
    "ORDER_LOG_CONFLICT",
    `The order log ${file} and the database disagree on batch ${batch}.`,
    "They are not from the same pool: check database.url and journal.directory, or bring back the right backup.",
  );
}
