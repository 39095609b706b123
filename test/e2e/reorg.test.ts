/** Blocks of the pool that leave the chain and come back: what was credited goes and comes with them, to the satoshi. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { fundWallet, mineBlocks, newAddress } from "../support/chain.ts";
import { until } from "../support/deadline.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { V1Client } from "../support/v1-client.ts";

let node: Bitcoind;
let rival: Bitcoind;
let pool: TestPool;
let miner: V1Client;

beforeAll(async () => {
  node = await startBitcoind({ chain: "regtest" });
  rival = await startBitcoind({ chain: "regtest", connectTo: [node] });
  await fundWallet(node);
  await sameTip();
  pool = await startPool({ nodes: [node], address: await newAddress(node), difficulty: 1e-9 });
  miner = await V1Client.start(pool.stratumPort, `${await newAddress(node)}.rig`);
});

afterAll(async () => {
  miner?.close();
  await pool?.dispose();
  await rival?.stop();
  await node?.stop();
});

test("three blocks that a longer branch replaces are reversed, and credited again when their branch comes back", {
  timeout: 240_000,
}, async () => {
  await rival.call("setnetworkactive", [false]);
  // It answers before its connections are closed: a block that slips through would become part of the rival branch.
  await until(async () => (await rival.call("getconnectioncount")) === 0, {
    timeoutMs: 10_000,
    what: "the rival to be alone",
  });
  for (let i = 0; i < 3; i++) await mineOneBlock();
  await untilBlocks({ immature: 3, orphaned: 0 });
  const credited = await pool.balances();
  expect(credited.immature).toBe(3n * 5_000_000_000n);

  const [firstRival] = await mineBlocks(rival, 4, await newAddress(node));
  await rival.call("setnetworkactive", [true]);
  await sameTip();
  await untilBlocks({ immature: 0, orphaned: 3 });
  expect(await pool.balances()).toEqual({ immature: 0n, payable: 0n });

  await node.call("invalidateblock", [firstRival]);
  await untilBlocks({ immature: 3, orphaned: 0 });
  expect(await pool.balances()).toEqual(credited);

  const recomputed = await pool.cli("ledger", "recompute");
  expect(recomputed, recomputed.stdout + recomputed.stderr).toMatchObject({ code: 0 });
});

async function mineOneBlock(): Promise<void> {
  const height = await node.call<number>("getblockcount");
  const { previousHash } = miner.job;
  const answer = await miner.submit(miner.makeShare());
  expect(answer).toMatchObject({ result: true });
  await until(async () => (await node.call<number>("getblockcount")) === height + 1, {
    timeoutMs: 10_000,
    what: "the node to have the block",
  });
  await miner.until(() => miner.job.previousHash !== previousHash);
}

async function untilBlocks(counts: Record<string, number>): Promise<void> {
  await until(
    async () => {
      for (const [state, count] of Object.entries(counts)) {
        if ((await pool.metric("penstock_blocks", { state })) !== count) return false;
      }
      return true;
    },
    { timeoutMs: 60_000, what: `blocks by state to be ${JSON.stringify(counts)}` },
  ).catch((error: Error) => {
    throw new Error(`${error.message}; the pool said:\n${pool.running.lines.slice(-30).join("\n")}`);
  });
}

async function sameTip(): Promise<void> {
  await until(async () => (await node.call("getbestblockhash")) === (await rival.call("getbestblockhash")), {
    timeoutMs: 30_000,
    what: "both nodes to have the same tip",
  });
}
