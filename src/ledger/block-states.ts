/** A block's way through the chain, and what it means in the books: one transaction a change. */
import type { ClientBase } from "pg";
import type { BlockState, FollowedBlock } from "../blocks/state.ts";
import { PoolError } from "../errors.ts";
import type { Scheme } from "../journal/record.ts";
import {
  type BlockCredits,
  type Entry,
  entriesOf,
  movementsBetween,
  paidToPool,
  standingOf,
} from "./books.ts";
import { statement } from "./sql.ts";

const selectBlocks = statement("select-blocks");
const countBlocks = statement("count-blocks");
const lockBlock = statement("lock-block");
const selectLines = statement("select-block-lines");
const updateState = statement("update-block-state");
const updateConfirmations = statement("update-block-confirmations");
const insertMovement = statement("insert-movement");
const internAccounts = statement("intern-ledger-accounts");
const insertEntries = statement("insert-entries");

export async function selectFollowed(client: ClientBase, fromHeight: number): Promise<FollowedBlock[]> {
  const { rows } = await client.query<{ hash: Buffer; height: number; state: BlockState }>(selectBlocks, [
    fromHeight,
  ]);
  return rows;
}

export async function countByState(client: ClientBase): Promise<Map<BlockState, number>> {
  const { rows } = await client.query<{ state: BlockState; blocks: number }>(countBlocks);
  return new Map(rows.map(({ state, blocks }) => [state, blocks]));
}

/**
 * Inside a transaction of the caller's. The same state again moves nothing.
 * @throws PoolError LEDGER_BLOCK_UNKNOWN while the block's record has not been applied.
 */
export async function moveBlock(
  client: ClientBase,
  hash: Uint8Array,
  state: BlockState,
  detail: { confirmations: number; reason?: string },
): Promise<void> {
  const { rows } = await client.query<{
    state: BlockState;
    movements: number;
    scheme: Scheme;
    reward_sats: string;
    fee_sats: string;
  }>(lockBlock, [hash]);
  const [block] = rows;
  if (block === undefined) throw unknownBlock(hash);
  const reason = detail.reason ?? null;
  if (block.state === state) {
    await client.query(updateConfirmations, [hash, detail.confirmations, reason]);
    return;
  }
  let number = block.movements;
  const kinds = movementsBetween(standingOf(block.state), standingOf(state));
  if (kinds.length > 0) {
    const feeSats = BigInt(block.fee_sats);
    const paidSats = paidToPool(block.scheme, BigInt(block.reward_sats), feeSats);
    const credits = await creditsOfBlock(client, hash, paidSats, feeSats);
    for (const kind of kinds) {
      const entries = entriesOf(kind, credits);
      if (entries.length === 0) continue;
      number += 1;
      const movement = await client.query<{ id: string }>(insertMovement, [kind, hash, number]);
      await book(client, movement.rows[0]!.id, entries);
    }
  }
  await client.query(updateState, [hash, state, detail.confirmations, reason, number]);
}

async function creditsOfBlock(
  client: ClientBase,
  hash: Uint8Array,
  paidSats: bigint,
  feeSats: bigint,
): Promise<BlockCredits> {
  const { rows } = await client.query<{ account: string; sats: string }>(selectLines, [hash]);
  return { paidSats, feeSats, lines: rows.map(({ account, sats }) => ({ account, sats: BigInt(sats) })) };
}

async function book(client: ClientBase, movement: string, entries: readonly Entry[]): Promise<void> {
  const kinds = entries.map(({ kind }) => kind);
  const accounts = entries.map(({ account }) => account);
  await client.query(internAccounts, [kinds, accounts]);
  await client.query(insertEntries, [movement, kinds, accounts, entries.map(({ sats }) => sats)]);
}

function unknownBlock(hash: Uint8Array): PoolError {
  return new PoolError(
    "LEDGER_BLOCK_UNKNOWN",
    `The ledger has no record of block ${Buffer.from(hash).reverse().toString("hex")}.`,
    "Its record comes through the journal; try again when the ledger has applied it.",
  );
}
