/** What the death of a process costs, and how a pool stops and goes on. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { fundWallet, newAddress } from "../support/chain.ts";
import { until } from "../support/deadline.ts";
import type { LedgerShare } from "../support/miners.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { V1Client } from "../support/v1-client.ts";

let node: Bitcoind;
let pool: TestPool;
let user: string;

beforeAll(async () => {
  node = await startBitcoind({ chain: "signet" });
  await fundWallet(node);
  user = `${await newAddress(node)}.rig`;
  pool = await startPool({ nodes: [node], address: await newAddress(node), difficulty: 1e-9, workers: 2 });
});

afterAll(async () => {
  await pool?.dispose();
  await node?.stop();
});

test("a worker that dies costs only its own connections, and is replaced", { timeout: 60_000 }, async () => {
  // Connections fall to whichever worker is quicker; go on until each has some.
  const clients: V1Client[] = [];
  await until(
    async () => {
      clients.push(await V1Client.start(pool.stratumPort, user));
      return (await connectionsOf("worker-1")) > 0 && (await connectionsOf("worker-2")) > 0;
    },
    { timeoutMs: 30_000, what: "both workers to have connections", intervalMs: 1 },
  );
  const others = clients.length - (await connectionsOf("worker-1"));
  await pool.kill("worker");
  await until(() => clients.filter(({ closed }) => closed).length > 0, {
    timeoutMs: 5_000,
    what: "the dead worker's connections to end",
  });
  await until(async () => (await pool.metric("penstock_worker_restarts_total")) === 1, {
    timeoutMs: 10_000,
    what: "the worker to be replaced",
  });

  const survivors = clients.filter(({ closed }) => !closed);
  expect(survivors).toHaveLength(others);
  for (const client of survivors)
    expect(await client.submit(client.makeShare())).toMatchObject({ result: true });
  for (const client of clients) client.close();
});

test("workers whose primary is gone leave within a second, and the next start goes on", {
  timeout: 60_000,
}, async () => {
  const client = await V1Client.start(pool.stratumPort, user);
  await pool.kill("primary");
  await client.until(() => client.closed).catch(() => {});
  await pool.start();
  const again = await V1Client.start(pool.stratumPort, user);
  expect(await again.submit(again.makeShare())).toMatchObject({ result: true });
  again.close();
});

test("after a clean stop nothing runs, all that was acknowledged is in the books, and no work is handed out twice", {
  timeout: 60_000,
}, async () => {
  const before = await V1Client.start(pool.stratumPort, user);
  const share = before.makeShare();
  expect(await before.submit(share)).toMatchObject({ result: true });
  await pool.stop();
  expect(await pool.running.exit).toMatchObject({ code: 0, signal: null });
  expect(before.closed).toBe(true);

  const { stdout } = await pool.cli("ledger", "shares");
  const hashes = stdout
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as LedgerShare).hash);
  expect(hashes).toContain(share.hash);

  await pool.start();
  const after = await V1Client.start(pool.stratumPort, user);
  expect(after.extranonce1).not.toBe(before.extranonce1);
  expect(before.jobs.map(({ id }) => id)).not.toContain(after.job.id);
  expect(await after.submit(share)).toMatchObject({
    result: null,
    error: [21, expect.stringMatching(/^job-not-found/), null],
  });
  after.close();
});

async function connectionsOf(process: string): Promise<number> {
  return await pool.metric("penstock_stratum_connections", { process });
}
