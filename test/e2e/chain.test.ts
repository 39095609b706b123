/**
 * A pool on a private signet where a block takes some five million hashes, as on mainnet in small: a hundred blocks by
 * the built-in miner, with transactions of every kind in the mempool and outputs of every kind in the coinbase.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { fillMempool, fundWallet, newAddress } from "../support/chain.ts";
import { until } from "../support/deadline.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { launchMiner } from "../support/pool-miner.ts";
import type { Running } from "../support/processes.ts";

const blocks = 100;

interface CoinbaseOutput {
  readonly value: number;
  readonly scriptPubKey: { readonly type: string; readonly address?: string };
}

interface Block {
  readonly hash: string;
  readonly height: number;
  readonly nTx: number;
  readonly tx: readonly { readonly vout: readonly CoinbaseOutput[] }[];
}

let node: Bitcoind;
let pool: TestPool;
let miner: Running;
let startHeight: number;
const payees: Record<"segwit" | "legacy" | "taproot", string> = { segwit: "", legacy: "", taproot: "" };

beforeAll(async () => {
  node = await startBitcoind({ chain: "signet" });
  await fundWallet(node);
  for (const kind of ["segwit", "legacy", "taproot"] as const) payees[kind] = await newAddress(node, kind);
  pool = await startPool({
    nodes: [node],
    address: payees.segwit,
    difficulty: 0.00002,
    settings: {
      pool: {
        split: [
          { address: payees.legacy, percent: 20 },
          { address: payees.taproot, percent: 12.5 },
        ],
      },
    },
  });
  startHeight = await node.call<number>("getblockcount");
  miner = launchMiner(pool, `${await newAddress(node)}.cpu`, 2);
});

afterAll(async () => {
  await miner?.stop();
  await pool?.dispose();
  await node?.stop();
});

test(`${blocks} blocks with legacy, SegWit and Taproot transactions are mined, and the node refuses none`, {
  timeout: 400_000,
}, async () => {
  let refilledAt = startHeight;
  await until(
    async () => {
      const height = await node.call<number>("getblockcount");
      if (height >= refilledAt + 10) {
        // To make its coins spendable the wallet's node mines a block of its own now and then.
        await fillMempool(node, { legacy: 3, segwit: 3, taproot: 3 });
        refilledAt = height;
      }
      return (await poolBlocks(height)).length >= blocks;
    },
    { timeoutMs: 380_000, what: `${blocks} blocks by the pool`, intervalMs: 250 },
  );
  await miner.stop();

  expect(await pool.metric("penstock_blocks_submissions_total", { result: "refused" })).toBe(0);
  expect(await pool.metric("penstock_template_proposals_total", { result: "refused" })).toBe(0);
  // A job that the next block overtakes before it was shown to the node is not: how many are depends on the machine.
  expect(await pool.metric("penstock_template_proposals_total", { result: "accepted" })).toBeGreaterThan(
    blocks / 10,
  );

  const mined = await poolBlocks(await node.call<number>("getblockcount"));
  const withTransactions = mined.filter(({ nTx }) => nTx > 1);
  expect(withTransactions.length).toBeGreaterThan(10);
  for (const block of mined) {
    const outputs = block.tx[0]!.vout.filter(({ value }) => value > 0);
    expect(outputs.map(({ scriptPubKey }) => scriptPubKey.address)).toEqual([
      payees.segwit,
      payees.legacy,
      payees.taproot,
    ]);
  }
});

test("the ledger's balances sum to the rewards of all blocks, and nothing differs from the recomputed books", {
  timeout: 120_000,
}, async () => {
  await pool.applied();
  const tip = await node.call<number>("getblockcount");
  await until(async () => (await pool.metric("penstock_blocks", { state: "mature" })) >= 1, {
    timeoutMs: 60_000,
    what: "the first block to mature",
  });
  await until(
    async () =>
      (await pool.metric("penstock_blocks", { state: "candidate" })) === 0 &&
      (await pool.metric("penstock_blocks", { state: "submitted" })) === 0,
    { timeoutMs: 30_000, what: "every block to have its place in the chain" },
  );
  let rewards = 0n;
  for (const block of await poolBlocks(tip)) {
    for (const { value } of block.tx[0]!.vout) rewards += satoshi(value);
  }
  const { immature, payable } = await pool.balances();
  expect(immature + payable).toBe(rewards);
  expect(payable, "the first blocks are mature").toBeGreaterThan(0n);

  const recomputed = await pool.cli("ledger", "recompute");
  expect(recomputed, recomputed.stdout + recomputed.stderr).toMatchObject({ code: 0 });
});

const known = new Map<string, Block>();

/** The pool's blocks in the active chain up to a height: those whose coinbase pays its address. */
async function poolBlocks(tipHeight: number): Promise<Block[]> {
  const found: Block[] = [];
  for (let height = startHeight + 1; height <= tipHeight; height++) {
    const hash = await node.call<string>("getblockhash", [height]);
    const block = known.get(hash) ?? (await node.call<Block>("getblock", [hash, 2]));
    known.set(hash, block);
    if (block.tx[0]!.vout[0]!.scriptPubKey.address === payees.segwit) found.push(block);
  }
  return found;
}

function satoshi(bitcoins: number): bigint {
  return BigInt(Math.round(bitcoins * 1e8));
}
