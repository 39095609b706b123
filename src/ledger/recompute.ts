/**
 * Rebuilds PPLNS and balances from journals, order log and chain alone, and holds them against the database. Where
 * journals were pruned, a checkpoint that was made of them stands for what they held. The database is read as of one moment, and the order log up to the last batch of that moment, so that the pool may go on
 * serving meanwhile.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { displayHash } from "../bitcoin/hash.ts";
import { type BlockState, maturityConfirmations } from "../blocks/state.ts";
import { PoolError } from "../errors.ts";
import type { Scheme } from "../journal/record.ts";
import { type Entry, entriesOf, movementsBetween, paidToPool, type Standing, standingOf } from "./books.ts";
import { blocksOf, type Checkpoint, startFrom } from "./checkpoint.ts";
import { keptCheckpoints, soundCheckpoints } from "./checkpoints.ts";
import type { OpenJournal } from "./journal-source.ts";
import { MemoryLedger, type RebuiltBlock } from "./memory.ts";
import { readOrderLog } from "./order-log.ts";
import { rebuild } from "./rebuild.ts";
import { partitionDays } from "./share-partitions.ts";
import { type ShareSum, ShareSums, shareSumName } from "./share-sums.ts";
import { inStretches, withSnapshot } from "./snapshot.ts";
import { statement } from "./sql.ts";
import { loadPplns } from "./steps.ts";

const selectLastBatch = statement("select-last-batch");
const readWorks = statement("read-works");
const readBlock = statement("read-block");
const readBlockHashes = statement("read-block-hashes");
const readBlockState = statement("read-block-state");
const readBlockWorks = statement("read-block-works");
const readBlockEntries = statement("read-block-entries");
const readShareSums = statement("read-share-sums");

export interface Chain {
  /** Of a block in the active chain (its tip has 1); zero, negative or undefined for any other. */
  confirmations(hash: Uint8Array): Promise<number | undefined>;
}

export interface RecomputeOptions {
  readonly databaseUrl: string;
  /** Checkpoints are looked for beside it. */
  readonly orderLogFile: string;
  readonly openJournal: OpenJournal;
  readonly chain: Chain;
  /** Called for each difference as it is found. */
  readonly onDifference: (difference: Difference) => void;
  /** Called for each checkpoint that cannot be used; the one before it is, or the journals from the first record. */
  readonly onUnsoundCheckpoint?: (error: PoolError) => void;
  /** How long a serving pool gets to follow the chain to where it is now. */
  readonly settleMs?: number;
}

export interface Difference {
  /** What is compared, e.g. "block 0000… credit of bc1q…". */
  readonly what: string;
  readonly database: string;
  readonly recomputed: string;
}

export interface Recomputed {
  readonly batches: number;
  /** How many of the batches a checkpoint stood for. */
  readonly fromCheckpoint: number;
  readonly shares: number;
  readonly blocks: number;
  readonly differences: number;
}

const defaultSettleMs = 20_000;
const settlePollMs = 500;
const nothing = "–";

/** @throws PoolError LEDGER_JOURNAL_MISSING, LEDGER_BEFORE_CHECKPOINT, JOURNAL_…, ORDER_LOG_…, DATABASE_… */
export async function recompute(options: RecomputeOptions): Promise<Recomputed> {
  const { databaseUrl, orderLogFile, onDifference, onUnsoundCheckpoint } = options;
  let differences = 0;
  const compare: Compare = (what, database, recomputed) => {
    if (database === recomputed) return;
    differences += 1;
    onDifference({ what, database: textOf(database), recomputed: textOf(recomputed) });
  };
  return withSnapshot(databaseUrl, async (client) => {
    const { rows } = await client.query<{ batch: string; checksum: string }>(selectLastBatch);
    const batches = Number(rows[0]?.batch ?? 0);
    const days = await partitionDays(client);
    const [checkpoint] = await soundCheckpoints(orderLogFile, batches, 1, onUnsoundCheckpoint);
    try {
      const rebuilt = await rebuildUpTo(batches, options, checkpoint, days);
      const { ledger } = rebuilt;
      compare("checksum of the order log", rows[0]?.checksum, rebuilt.checksum?.toString());
      await comparePplns(client, ledger, compare);
      await compareShares(client, rebuilt, compare);
      await compareBlocks(client, rebuilt, compare);
      await compareWithChain(options, ledger, compare);
      const blocks = ledger.earlierBlocks.size + ledger.blocks.size;
      const fromCheckpoint = checkpoint?.head.mark.batch ?? 0;
      return { batches, fromCheckpoint, shares: ledger.shares, blocks, differences };
    } finally {
      await checkpoint?.close();
    }
  });
}

type Value = string | number | bigint | boolean | undefined;
type Compare = (what: string, database: Value, recomputed: Value) => void;

function textOf(value: Value): string {
  return value === undefined ? nothing : String(value);
}

interface Rebuilt {
  readonly ledger: MemoryLedger;
  /** Of the last batch in the order log. */
  readonly checksum: number | undefined;
  /** Of the days that the database still has, from `firstDay` on. */
  readonly sums: ReadonlyMap<string, ShareSum>;
  /** What the checkpoint has of the shares begins here. */
  readonly firstDay: number;
  readonly checkpoint: Checkpoint | undefined;
}

async function rebuildUpTo(
  batches: number,
  { orderLogFile, openJournal }: RecomputeOptions,
  checkpoint: Checkpoint | undefined,
  days: ReadonlySet<number>,
): Promise<Rebuilt> {
  const mark = checkpoint?.head.mark;
  const firstDay = checkpoint?.head.firstDay ?? Number.NEGATIVE_INFINITY;
  const sums = new ShareSums((day) => day >= firstDay && days.has(day));
  const ledger = new MemoryLedger(checkpoint && (await startFrom(checkpoint, (sum) => sums.add(sum))));
  let checksum = mark?.checksum;
  if (batches > (mark?.batch ?? 0)) {
    // The order log is checked from its first line all the same.
    const entries = readOrderLog(orderLogFile, (mark?.batch ?? 0) + 1);
    try {
      for await (const entry of rebuild(ledger, sums, entries, openJournal)) {
        checksum = entry.checksum;
        if (entry.batch === batches) break;
      }
    } catch (error) {
      throw checkpoint === undefined ? await inWords(error, batches, orderLogFile) : error;
    }
  }
  return { ledger, checksum, sums: sums.sums, firstDay, checkpoint };
}

/** A database from an old backup may end before the oldest checkpoint, whose journals are gone. */
async function inWords(error: unknown, batches: number, orderLogFile: string): Promise<unknown> {
  if (!(error instanceof PoolError && /^(LEDGER_JOURNAL_MISSING|JOURNAL_)/.test(error.code))) return error;
  const oldest = (await keptCheckpoints(orderLogFile)).at(-1);
  if (oldest === undefined || oldest.batch <= batches) return error;
  return new PoolError(
    "LEDGER_BEFORE_CHECKPOINT",
    `The database ends at batch ${batches}, before the oldest checkpoint (${oldest.batch}), and journals are missing: ${error.message}`,
    "Start the pool, which brings the database up to date from its journals, or bring back the older segments.",
    { cause: error },
  );
}

async function comparePplns(client: Client, ledger: MemoryLedger, compare: Compare): Promise<void> {
  const inDatabase = await loadPplns(client);
  const { pplns } = ledger;
  compare("PPLNS: next slice", inDatabase.nextId, pplns.nextId);
  compare("PPLNS: open slice closed", inDatabase.closed, pplns.closed);
  compare("PPLNS: largest window", inDatabase.largestWindow, pplns.largestWindow);
  const slices = new Map(inDatabase.slices.map((slice) => [slice.id, slice]));
  for (const { id, span, minute, work } of pplns.slices) {
    const slice = slices.get(id);
    slices.delete(id);
    compare(`PPLNS slice ${id}: span`, slice?.span, span);
    compare(`PPLNS slice ${id}: minute`, slice?.minute, minute);
    compare(`PPLNS slice ${id}: work`, slice?.work, work);
  }
  for (const { id, work } of slices.values()) compare(`PPLNS slice ${id}: work`, work, undefined);

  const expected = new Map<string, bigint>();
  for (const [slice, works] of ledger.works) {
    for (const [account, work] of works) expected.set(`PPLNS slice ${slice}: work of ${account}`, work);
  }
  for await (const rows of inStretches<{ slice: string; account: string; work: string }>(client, readWorks)) {
    for (const { slice, account, work } of rows) {
      const what = `PPLNS slice ${slice}: work of ${account}`;
      compare(what, BigInt(work), expected.get(what));
      expected.delete(what);
    }
  }
  for (const [what, work] of expected) compare(what, undefined, work);
}

/** Single shares are kept for a while only, so their sums are compared for the days that are there. */
async function compareShares(client: Client, { sums, firstDay }: Rebuilt, compare: Compare): Promise<void> {
  const missing = new Map(sums);
  const { rows } = await client.query<{
    day: number;
    account: string;
    worker: string;
    solo: boolean;
    shares: string;
    work: string;
  }>(readShareSums);
  for (const { day, account, worker, solo, shares, work } of rows) {
    if (day < firstDay) continue;
    const key = shareSumName(day, account, worker, solo ? "solo" : "pplns");
    const sum = missing.get(key);
    missing.delete(key);
    compare(`shares on ${key}`, Number(shares), sum?.shares);
    compare(`work of the shares on ${key}`, BigInt(work), sum?.work);
  }
  for (const [key, { shares }] of missing) compare(`shares on ${key}`, undefined, shares);
}

interface BlockRow {
  readonly previous_hash: Buffer;
  readonly height: number;
  readonly bits: string;
  readonly reward_sats: string;
  /** Null where the scheme has no window. */
  readonly fee_millionths: number | null;
  readonly window_thousandths: string | null;
  readonly window_work: string | null;
  readonly fee_sats: string;
  readonly account: string;
  readonly worker: string;
  readonly node: string;
  readonly epoch: string;
  readonly sequence: string;
  readonly scheme: Scheme;
  readonly state: BlockState;
}

async function compareBlocks(
  client: Client,
  { ledger, checkpoint }: Rebuilt,
  compare: Compare,
): Promise<void> {
  const { rows } = await client.query<{ hash: Buffer }>(readBlockHashes);
  for (const { hash } of rows) {
    const key = hash.toString("hex");
    if (ledger.blocks.has(key) || ledger.earlierBlocks.has(key)) continue;
    compare(`block ${displayHash(hash)}`, "found", undefined);
  }
  if (checkpoint !== undefined) {
    for await (const block of blocksOf(checkpoint)) await compareBlock(client, block, compare);
  }
  for (const block of ledger.blocks.values()) await compareBlock(client, block, compare);
}

async function compareBlock(client: Client, block: RebuiltBlock, compareAll: Compare): Promise<void> {
  const { record, position, window, feeSats } = block;
  const name = `block ${displayHash(record.hash)}`;
  const compare: Compare = (what, database, recomputed) =>
    compareAll(`${name}: ${what}`, database, recomputed);
  const { rows } = await client.query<BlockRow>(readBlock, [record.hash]);
  const [row] = rows;
  if (row === undefined) return compareAll(name, undefined, "found");
  compare("previous block", displayHash(row.previous_hash), displayHash(record.previousHash));
  compare("height", row.height, record.height);
  compare("bits", Number(row.bits), record.bits);
  compare("reward", BigInt(row.reward_sats), record.rewardSats);
  const terms = record.scheme === "pplns" ? record : undefined;
  compare("scheme", row.scheme, record.scheme);
  compare("fee rate", row.fee_millionths ?? undefined, terms?.feeMillionths);
  compare("window multiple", numberOf(row.window_thousandths), terms?.windowThousandths);
  compare("window", row.window_work === null ? undefined : BigInt(row.window_work), window?.asked);
  compare("fee", BigInt(row.fee_sats), feeSats);
  compare("finder", `${row.account}.${row.worker}`, `${record.account}.${record.worker}`);
  const positionText = ({ node, epoch, sequence }: { node: string; epoch: unknown; sequence: unknown }) =>
    `${node} ${epoch}:${sequence}`;
  compare("position", positionText(row), positionText(position));
  await compareWorks(client, block, compare);
  await compareEntries(client, block, standingOf(row.state), compare);
}

function numberOf(text: string | null): number | undefined {
  return text === null ? undefined : Number(text);
}

async function compareWorks(
  client: Client,
  { record, lines }: RebuiltBlock,
  compare: Compare,
): Promise<void> {
  const { rows } = await client.query<{ account: string; work: string; sats: string }>(readBlockWorks, [
    record.hash,
  ]);
  const inDatabase = new Map(rows.map((row) => [row.account, row]));
  for (const { account, work, sats } of lines) {
    const row = inDatabase.get(account);
    inDatabase.delete(account);
    compare(`work of ${account}`, row && BigInt(row.work), work);
    compare(`credit of ${account}`, row && BigInt(row.sats), sats);
  }
  for (const { account, sats } of inDatabase.values())
    compare(`credit of ${account}`, BigInt(sats), undefined);
}

/** All movements of a block together must leave exactly what its state means. */
async function compareEntries(
  client: Client,
  block: RebuiltBlock,
  standing: Standing,
  compare: Compare,
): Promise<void> {
  const expected = booked(block, standing);
  const { rows } = await client.query<{ kind: string; account: string; sats: string }>(readBlockEntries, [
    block.record.hash,
  ]);
  for (const { kind, account, sats } of rows) {
    const key = `${kind} ${account}`.trim();
    compare(`booked on ${key}`, BigInt(sats), expected.get(key));
    expected.delete(key);
  }
  for (const [key, sats] of expected) compare(`booked on ${key}`, undefined, sats);
}

function booked({ record, feeSats, lines }: RebuiltBlock, standing: Standing): Map<string, bigint> {
  const credits = { paidSats: paidToPool(record.scheme, record.rewardSats, feeSats), feeSats, lines };
  const sums = new Map<string, bigint>();
  const add = ({ kind, account, sats }: Entry) => {
    const key = `${kind} ${account}`.trim();
    const sum = (sums.get(key) ?? 0n) + sats;
    if (sum === 0n) sums.delete(key);
    else sums.set(key, sum);
  };
  for (const kind of movementsBetween("none", standing)) entriesOf(kind, credits).forEach(add);
  return sums;
}

/** The chain moves on, and a serving pool with it: what differs is looked at again for a while. */
async function compareWithChain(
  { databaseUrl, chain, settleMs = defaultSettleMs }: RecomputeOptions,
  ledger: MemoryLedger,
  compare: Compare,
): Promise<void> {
  const deadline = performance.now() + settleMs;
  const all = [...ledger.earlierBlocks, ...ledger.blocks.keys()];
  let open: readonly Uint8Array[] = all.map((hash) => Buffer.from(hash, "hex"));
  for (;;) {
    const differing = await withSnapshot(databaseUrl, (client) => differingFromChain(client, chain, open));
    if (differing.length === 0) return;
    if (performance.now() > deadline) {
      for (const { hash, standing, inChain } of differing) {
        compare(`block ${displayHash(hash)}: state in the chain`, standing, inChain);
      }
      return;
    }
    open = differing.map(({ hash }) => hash);
    await pause(settlePollMs);
  }
}

interface Differing {
  readonly hash: Uint8Array;
  readonly standing: Standing;
  readonly inChain: Standing;
}

async function differingFromChain(
  client: Client,
  chain: Chain,
  hashes: readonly Uint8Array[],
): Promise<Differing[]> {
  const differing: Differing[] = [];
  for (const hash of hashes) {
    const { rows } = await client.query<{ state: BlockState }>(readBlockState, [hash]);
    if (rows[0] === undefined) continue; // named already
    const standing = standingOf(rows[0].state);
    const inChain = standingInChain(await chain.confirmations(hash));
    if (standing !== inChain) differing.push({ hash, standing, inChain });
  }
  return differing;
}

function standingInChain(confirmations: number | undefined): Standing {
  if (confirmations === undefined || confirmations <= 0) return "none";
  return confirmations >= maturityConfirmations ? "mature" : "immature";
}
