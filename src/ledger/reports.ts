/** What the command line prints of the books. All of it reads one snapshot. */
import type { Client } from "pg";
import { displayHash } from "../bitcoin/hash.ts";
import { PoolError } from "../errors.ts";
import type { Scheme } from "../journal/record.ts";
import { inStretches } from "./snapshot.ts";
import { statement } from "./sql.ts";

const readShares = statement("read-shares");
const readBalances = statement("read-balances");
const readRewards = statement("read-rewards");
const readStatement = statement("read-statement");
const selectAccount = statement("select-account");

/** The name under which the pool's own fee stands among the accounts. */
export const feeAccount = "pool fee";

/** A final share as `penstock ledger shares` prints it. */
export interface ShareLine {
  readonly hash: string;
  readonly account: string;
  readonly worker: string;
  /** 64 hex digits, big-endian. */
  readonly target: string;
  readonly work: string;
  readonly protocol: "v1" | "v2";
  readonly block: boolean;
  readonly scheme: Scheme;
  readonly node: string;
  readonly epoch: number;
  readonly sequence: number;
  /** UTC, ISO 8601 with milliseconds. */
  readonly time: string;
}

interface ShareRow {
  readonly hash: Buffer;
  readonly account: string;
  readonly worker: string;
  readonly target: Buffer;
  readonly work: string;
  readonly protocol: number;
  readonly block: boolean;
  readonly solo: boolean;
  readonly node: string;
  readonly epoch: string;
  readonly sequence: string;
  readonly time: Date;
}

/** Journal by journal, in the order of positions. */
export async function* shareLines(client: Client): AsyncGenerator<readonly ShareLine[]> {
  for await (const rows of inStretches<ShareRow>(client, readShares)) yield rows.map(lineOf);
}

function lineOf({ hash, target, protocol, epoch, sequence, time, ...row }: ShareRow): ShareLine {
  return {
    hash: displayHash(hash),
    account: row.account,
    worker: row.worker,
    target: target.reverse().toString("hex"),
    work: row.work,
    protocol: protocol === 1 ? "v1" : "v2",
    block: row.block,
    scheme: row.solo ? "solo" : "pplns",
    node: row.node,
    epoch: Number(epoch),
    sequence: Number(sequence),
    time: time.toISOString(),
  };
}

export interface Balance {
  readonly account: string;
  readonly immatureSats: bigint;
  readonly payableSats: bigint;
}

export interface Balances {
  /** By address, the pool's fee last. */
  readonly accounts: readonly Balance[];
  readonly total: Balance;
  /** Of the blocks that are in the chain. */
  readonly rewards: Rewards;
}

export interface Rewards {
  readonly blocks: number;
  /** What their coinbases paid to the pool: what the balances must sum to. */
  readonly sats: bigint;
  /** How many of them are solo blocks, and what the coinbases of those paid to their miners. */
  readonly soloBlocks: number;
  readonly soloSats: bigint;
}

export async function balances(client: Client): Promise<Balances> {
  const { rows } = await client.query<{ account: string; immature: string; payable: string }>(readBalances);
  const accounts = rows.map(({ account, immature, payable }) => ({
    account,
    immatureSats: BigInt(immature),
    payableSats: BigInt(payable),
  }));
  const total = accounts.reduce(
    (sum, { immatureSats, payableSats }) => ({
      account: sum.account,
      immatureSats: sum.immatureSats + immatureSats,
      payableSats: sum.payableSats + payableSats,
    }),
    { account: "total", immatureSats: 0n, payableSats: 0n },
  );
  return { accounts, total, rewards: await rewardsOf(client) };
}

async function rewardsOf(client: Client): Promise<Rewards> {
  const { rows } = await client.query<{
    blocks: string;
    sats: string;
    solo_blocks: string;
    solo_sats: string;
  }>(readRewards);
  const { blocks, sats, solo_blocks, solo_sats } = rows[0]!;
  return {
    blocks: Number(blocks),
    sats: BigInt(sats),
    soloBlocks: Number(solo_blocks),
    soloSats: BigInt(solo_sats),
  };
}

export interface StatementLine {
  readonly time: string;
  /** A movement; or `paid` for a solo block of the account's, `orphaned` if it left the chain. */
  readonly kind: string;
  readonly block: string;
  readonly height: number;
  /** What the movement changed, and the balance after it. */
  readonly immatureSats: bigint;
  readonly payableSats: bigint;
  readonly immatureBalanceSats: bigint;
  readonly payableBalanceSats: bigint;
  /** What a solo block's coinbase paid to the account: it never was in its balances. */
  readonly paidInCoinbaseSats: bigint;
}

/** @throws PoolError ACCOUNT_UNKNOWN */
export async function* statementLines(
  client: Client,
  account: string,
): AsyncGenerator<readonly StatementLine[]> {
  const address = account === feeAccount ? null : account;
  if (address !== null) await refuseUnknown(client, address);
  let immatureBalanceSats = 0n;
  let payableBalanceSats = 0n;
  interface Row {
    readonly time: Date;
    readonly kind: string;
    readonly block: Buffer;
    readonly height: number;
    readonly immature: string;
    readonly payable: string;
    readonly coinbase: string;
  }
  for await (const rows of inStretches<Row>(client, readStatement, [address])) {
    yield rows.map(({ time, kind, block, height, immature, payable, coinbase }) => {
      immatureBalanceSats += BigInt(immature);
      payableBalanceSats += BigInt(payable);
      return {
        time: time.toISOString(),
        kind,
        block: displayHash(block),
        height,
        immatureSats: BigInt(immature),
        payableSats: BigInt(payable),
        immatureBalanceSats,
        payableBalanceSats,
        paidInCoinbaseSats: BigInt(coinbase),
      };
    });
  }
}

async function refuseUnknown(client: Client, address: string): Promise<void> {
  const { rows } = await client.query(selectAccount, [address]);
  if (rows.length > 0) return;
  throw new PoolError(
    "ACCOUNT_UNKNOWN",
    `The ledger has no account ${address}.`,
    `Use the payout address as \`penstock ledger balances\` prints it, or "${feeAccount}".`,
  );
}
