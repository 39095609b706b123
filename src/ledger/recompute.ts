/**
 * Rebuilds PPLNS and balances from journals, order log and chain alone, and holds them against the database. The
 * database is read as of one moment, and the order log up to the last batch of that moment, so that the pool may go on
 * serving meanwhile.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { displayHash } from "../bitcoin/hash.ts";
import { type BlockState, maturityConfirmations } from "../blocks/state.ts";
import { type Entry, entriesOf, movementsBetween, type Standing, standingOf } from "./books.ts";
import type { OpenJournal } from "./journal-source.ts";
import { Journals } from "./journals.ts";
import { MemoryLedger, type RebuiltBlock } from "./memory.ts";
import { readOrderLog } from "./order-log.ts";
import { dayOf, partitionDays } from "./share-partitions.ts";
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
  readonly orderLogFile: string;
  readonly openJournal: OpenJournal;
  readonly chain: Chain;
  /** Called for each difference as it is found. */
  readonly onDifference: (difference: Difference) => void;
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
  readonly shares: number;
  readonly blocks: number;
  readonly differences: number;
}

const defaultSettleMs = 20_000;
const settlePollMs = 500;
const nothing = "–";

/** @throws PoolError LEDGER_JOURNAL_MISSING, JOURNAL_…, ORDER_LOG_…, DATABASE_… */
export async function recompute(options: RecomputeOptions): Promise<Recomputed> {
  const { databaseUrl, orderLogFile, openJournal, onDifference } = options;
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
    const rebuilt = await rebuild(batches, orderLogFile, openJournal, days);
    compare("checksum of the order log", rows[0]?.checksum, rebuilt.checksum?.toString());
    await comparePplns(client, rebuilt.ledger, compare);
    await compareShares(client, rebuilt.sums, compare);
    await compareBlocks(client, rebuilt.ledger, compare);
    await compareWithChain(options, rebuilt.ledger, compare);
    return { batches, shares: rebuilt.ledger.shares, blocks: rebuilt.ledger.blocks.size, differences };
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
  /** Count and work of the shares of the days that the database still has, by day, account and worker. */
  readonly sums: ReadonlyMap<string, ShareSum>;
}

interface ShareSum {
  shares: number;
  work: bigint;
}

async function rebuild(
  batches: number,
  orderLogFile: string,
  openJournal: OpenJournal,
  days: ReadonlySet<number>,
): Promise<Rebuilt> {
  const ledger = new MemoryLedger();
  const journals = new Journals(openJournal);
  const sums = new Map<string, ShareSum>();
  let checksum: number | undefined;
  try {
    if (batches === 0) return { ledger, checksum, sums };
    for await (const entry of readOrderLog(orderLogFile)) {
      const batch = await journals.read(entry);
      ledger.apply(batch);
      for (const record of batch.records) {
        const day = dayOf(record.timeMs);
        if (record.kind !== "share" || !days.has(day)) continue;
        const key = keyOf(day, record.account, record.worker);
        const sum = sums.get(key) ?? { shares: 0, work: 0n };
        sum.shares += 1;
        sum.work += record.target.work;
        sums.set(key, sum);
      }
      checksum = entry.checksum;
      if (entry.batch === batches) break;
    }
    return { ledger, checksum, sums };
  } finally {
    await journals.close();
  }
}

function keyOf(day: number, account: string, worker: string): string {
  return `${new Date(day * 86_400_000).toISOString().slice(0, 10)} ${account} "${worker}"`;
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
async function compareShares(
  client: Client,
  expected: ReadonlyMap<string, ShareSum>,
  compare: Compare,
): Promise<void> {
  const missing = new Map(expected);
  const { rows } = await client.query<{
    day: number;
    account: string;
    worker: string;
    shares: string;
    work: string;
  }>(readShareSums);
  for (const { day, account, worker, shares, work } of rows) {
    const key = keyOf(day, account, worker);
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
  readonly fee_millionths: number;
  readonly window_thousandths: string;
  readonly window_work: string;
  readonly fee_sats: string;
  readonly account: string;
  readonly worker: string;
  readonly node: string;
  readonly epoch: string;
  readonly sequence: string;
  readonly state: BlockState;
}

async function compareBlocks(client: Client, ledger: MemoryLedger, compare: Compare): Promise<void> {
  const { rows } = await client.query<{ hash: Buffer }>(readBlockHashes);
  for (const { hash } of rows) {
    if (!ledger.blocks.has(hash.toString("hex"))) compare(`block ${displayHash(hash)}`, "found", undefined);
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
  compare("fee rate", row.fee_millionths, record.feeMillionths);
  compare("window multiple", Number(row.window_thousandths), record.windowThousandths);
  compare("window", BigInt(row.window_work), window.asked);
  compare("fee", BigInt(row.fee_sats), feeSats);
  compare("finder", `${row.account}.${row.worker}`, `${record.account}.${record.worker}`);
  const positionText = ({ node, epoch, sequence }: { node: string; epoch: unknown; sequence: unknown }) =>
    `${node} ${epoch}:${sequence}`;
  compare("position", positionText(row), positionText(position));
  await compareWorks(client, block, compare);
  await compareEntries(client, block, standingOf(row.state), compare);
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

function booked(block: RebuiltBlock, standing: Standing): Map<string, bigint> {
  const credits = { rewardSats: block.record.rewardSats, feeSats: block.feeSats, lines: block.lines };
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
  let open = [...ledger.blocks.values()].map(({ record }) => record.hash);
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
