/** What miners notice when Postgres or the node is away: nothing. */
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { fundWallet, mineBlocks, newAddress } from "../support/chain.ts";
import { until } from "../support/deadline.ts";
import { expectExactlyOnce } from "../support/exactly-once.ts";
import { startMiners, type TestMiners } from "../support/miners.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

/** How long Postgres is away under load. */
const awaySeconds = 30;

let node: Bitcoind;
let postgres: TestPostgres;
let pool: TestPool;
let miners: TestMiners;
let address: string;

beforeAll(async () => {
  node = await startBitcoind({ chain: "signet" });
  await fundWallet(node);
  address = await newAddress(node);
  postgres = await startPostgres();
  pool = await startPool({
    nodes: [node],
    address,
    difficulty: 1e-9,
    databaseUrl: await postgres.createDatabase(),
  });
  miners = await startMiners({
    port: () => pool.stratumPort,
    users: [`${await newAddress(node)}.a`, `${await newAddress(node)}.b`],
    connections: 10,
    sharesPerSecond: 500,
  });
});

afterAll(async () => {
  await miners?.stop();
  await pool?.dispose();
  await postgres?.stop();
  await node?.stop();
});

test(`Postgres stopped for ${awaySeconds} s under load: no miner notices, and nothing is lost`, {
  timeout: 180_000,
}, async () => {
  await until(() => miners.acknowledged.size > 500, { timeoutMs: 30_000, what: "shares to be accepted" });
  const before = miners.acknowledged.size;
  // Frozen, it keeps its connections and answers nothing: the worst way to be away.
  const frozen = postgresProcesses();
  for (const pid of frozen) process.kill(pid, "SIGSTOP");
  await pause(awaySeconds * 1000);
  const during = miners.acknowledged.size - before;
  const lag = await pool.metric("penstock_ledger_apply_lag_records");
  for (const pid of frozen) process.kill(pid, "SIGCONT");

  expect(during).toBeGreaterThan(awaySeconds * 400);
  expect(lag).toBeGreaterThan(during / 2);
  expect(miners.disconnects).toBe(0);
  expect([...miners.refused]).toEqual([]);
  expect(miners.slowestAnswerMs).toBeLessThan(2_000);
});

test("Postgres killed and restarted under load: the ledger catches up by itself", {
  timeout: 120_000,
}, async () => {
  const killed = postgres.server.pid;
  process.kill(killed, "SIGKILL"); // started again by whoever watches it
  await until(() => postgres.server.pid !== killed, {
    timeoutMs: 60_000,
    what: "Postgres to be started again",
  });
  await pool.applied();
  expect(miners.disconnects).toBe(0);
});

test("a node killed and restarted under load: miners stay connected and the next block reaches them", {
  timeout: 120_000,
}, async () => {
  await node.kill();
  await until(async () => (await pool.metric("penstock_node_up")) === 0, {
    timeoutMs: 15_000,
    what: "the pool to notice that its node is gone",
  });
  const acknowledged = miners.acknowledged.size;
  await until(() => miners.acknowledged.size > acknowledged + 500, {
    timeoutMs: 15_000,
    what: "shares on the last good template while the node is away",
  });
  await node.restart();
  await until(async () => (await pool.metric("penstock_node_up")) === 1, {
    timeoutMs: 60_000,
    what: "the node to be well again",
  });
  await mineBlocks(node, 1, address); // the wallet is not loaded after a restart; mining needs none
  const height = await node.call<number>("getblockcount");
  await until(async () => (await pool.metric("penstock_template_height")) === height + 1, {
    timeoutMs: 15_000,
    what: "a template on the new block",
  });
  expect(miners.disconnects).toBe(0);
});

test("after all of it each acknowledged share is in the ledger once, and none is there that nobody made", {
  timeout: 120_000,
}, async () => {
  await miners.stop();
  await expectExactlyOnce(pool, miners);
});

/** The server and its children. */
function postgresProcesses(): number[] {
  const { pid } = postgres.server;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return [pid, ...children.split(" ").map(Number)];
}
