/** A whole pool at work, watched by a real Prometheus: the operator's dashboard and alerts have data for all they ask. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { fillMempool, fundWallet, mineBlocks, newAddress } from "../support/chain.ts";
import { checkDashboard, rulesFile } from "../support/dashboard.ts";
import { until } from "../support/deadline.ts";
import { FrameClient } from "../support/frame-client.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { type Prometheus, startPrometheus } from "../support/prometheus.ts";
import { V1Client } from "../support/v1-client.ts";

let node: Bitcoind;
let pool: TestPool;
let prometheus: Prometheus;
const miners: V1Client[] = [];
/** This pool has no certificate for TLS. */
const isUnmeasured = /penstock_tls_/;

beforeAll(async () => {
  node = await startBitcoind({ chain: "regtest" });
  await fundWallet(node);
  pool = await startPool({ nodes: [node], address: await newAddress(node), difficulty: 1e-9, workers: 2 });
  prometheus = await startPrometheus({ targets: [new URL(pool.httpUrl).host], ruleFiles: [rulesFile] });
  for (const name of ["a", "b", "c", "d"]) {
    miners.push(await V1Client.start(pool.stratumPort, `${await newAddress(node)}.${name}`));
  }
});

afterAll(async () => {
  for (const miner of miners) miner.close();
  await prometheus?.stop();
  await pool?.dispose();
  await node?.stop();
});

test("every expression of the dashboard and of the alerts gives data about a pool at work", {
  timeout: 60_000,
}, async () => {
  await fillMempool(node, { segwit: 2 });
  let problems: readonly string[] = ["not asked yet"];
  await until(
    async () => {
      await mineBlocks(node, 1);
      for (const miner of miners) {
        // Every second hash is a block here, so most shares of the others come too late; that is load as well.
        await miner.submit(miner.makeShare());
        await miner.request("mining.submit", [miner.user, "00", "00", "00", "00"]);
      }
      (await FrameClient.setUp(pool.stratumPort)).close();
      const all = await checkDashboard(prometheus.url, { rateInterval: "10s" });
      problems = all.filter((problem) => !isUnmeasured.test(problem));
      return problems.length === 0;
    },
    { timeoutMs: 40_000, intervalMs: 300, what: "data for every expression" },
  ).catch((error: Error) => {
    if (error.cause !== undefined) throw error.cause;
  });
  expect(problems).toEqual([]);
});

test("a share is counted alike on each step of its way, blocks' records are not, and nothing waits in the end", async () => {
  await pool.applied();
  const accepted = await pool.metric("penstock_shares_answered_total", { result: "accepted" });
  expect(accepted).toBeGreaterThan(0);
  expect(await pool.metric("penstock_shares_journaled_total")).toBe(accepted);
  expect(await pool.metric("penstock_shares_applied_total")).toBe(accepted);
  expect(await pool.metric("penstock_blocks_found_total")).toBeGreaterThan(0);
  expect(await pool.metric("penstock_ledger_apply_lag_seconds")).toBe(0);

  const { stdout } = await pool.cli("ledger", "shares");
  expect(stdout.trim().split("\n")).toHaveLength(accepted);
});

test("a found block is counted in the state that the chain gives it", async () => {
  const found = await pool.metric("penstock_blocks_found_total");
  await until(async () => (await pool.metric("penstock_blocks")) === found, {
    timeoutMs: 10_000,
    what: "every found block in the books",
  });
  await until(async () => (await pool.metric("penstock_blocks_transitions_total")) >= found, {
    timeoutMs: 20_000,
    what: "a verdict of the chain on each",
  });
  expect(await pool.metric("penstock_blocks_submissions_total", { result: "refused" })).toBe(0);
});
