/**
 * A hostile crowd beside honest miners, in one worker process: slow readers, slow writers, floods of ten kinds and
 * connects that are closed at once; first from thousands of addresses, then from the miners' own. What it costs in
 * milliseconds is measured by `npm run bench:crowd`; here it must cost nobody a share, a connection or the memory.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildCrowd, type CrowdPlan, startCrowd } from "../../bench/crowd-peers.ts";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { fundWallet, newAddress } from "../support/chain.ts";
import { until } from "../support/deadline.ts";
import { startMiners, type TestMiners } from "../support/miners.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { V1Client } from "../support/v1-client.ts";
import { workerPids } from "../support/worker-pids.ts";

const miners = 10;
/** Of memory, beside what it was before the crowd: a young heap that has been in use does not shrink at once. */
const mostMoreBytes = 96 * 2 ** 20;
let node: Bitcoind;
let pool: TestPool;
let honest: TestMiners;
let address: string;
let workersAtStart: readonly number[];
let residentAtStart: number;

beforeAll(async () => {
  [node] = await Promise.all([startBitcoind({ chain: "signet" }), buildCrowd()]);
  await fundWallet(node);
  address = await newAddress(node);
  pool = await startPool({
    nodes: [node],
    address: await newAddress(node),
    difficulty: 1e-8,
    settings: {
      template: { refreshSeconds: 1 },
      stratum: { limits: { subscribeSeconds: 3, authorizeSeconds: 4, queuedBytes: 16_384 } },
    },
  });
  honest = await startMiners({
    port: () => pool.stratumPort,
    users: [`${address}.honest`],
    connections: miners,
    sharesPerSecond: 40,
  });
  workersAtStart = await workerPids(pool);
  await until(() => honest.acknowledged.size >= miners, {
    timeoutMs: 20_000,
    what: "each honest miner's first share",
  });
  residentAtStart = await residentBytes();
});

afterAll(async () => {
  await honest?.stop();
  await pool?.dispose();
  await node?.stop();
});

test("a crowd from many addresses is cut by bounds, and its hostile addresses are banned", async () => {
  const crowd = await startCrowd(plan({ addresses: 40 }));
  await until(async () => (await cutOff("slow-reader")) > 0, patience("a slow reader to be cut"));
  await until(async () => (await cutOff("subscribe-timeout")) > 0, patience("a slow writer to be cut"));
  await until(async () => (await cutOff("garbage")) > 0, patience("a flooder to be cut for garbage"));
  await until(async () => (await cutOff("line-too-long")) > 0, patience("an endless line to be cut"));
  await until(async () => (await penalties("ban")) > 0, patience("an address to be banned"));
  await join("in the middle of it");
  await crowd.stop();
});

test("a crowd from the honest miners' own address bans nobody, and one of them can come again", async () => {
  const bansBefore = await penalties("ban");
  const garbageBefore = await cutOff("garbage");
  const crowd = await startCrowd(plan({ addresses: 0 }));
  await until(async () => (await cutOff("garbage")) > garbageBefore + 100, patience("a hundred to be cut"));
  await join("from the same address");
  await crowd.stop();
  expect(await penalties("ban")).toBe(bansBefore);
});

test("after it only the honest are there, without a refusal or a lost connection, and the memory is back", async () => {
  await until(async () => (await pool.metric("penstock_stratum_connections")) === miners, {
    timeoutMs: 20_000,
    what: "the crowd's connections to be gone",
  });
  expect(honest.disconnects).toBe(0);
  expect([...honest.refused]).toEqual([]);
  expect(await workerPids(pool)).toEqual(workersAtStart);
  expect(pool.running.lines.filter((line) => line.includes("session-failed"))).toEqual([]);
  await until(async () => (await residentBytes()) < residentAtStart + mostMoreBytes, {
    timeoutMs: 20_000,
    what: "the memory to come back",
  });
});

function plan({ addresses }: Pick<CrowdPlan, "addresses">): CrowdPlan {
  return {
    port: pool.stratumPort,
    user: address,
    addresses,
    readers: 100,
    writers: 100,
    flooders: 50,
    linesPerSecond: 10_000,
    connectsPerSecond: 50,
  };
}

/** An honest miner that comes, mines and goes; the rate of new connections may turn it away at first. */
async function join(name: string): Promise<void> {
  const client = await until(
    () => V1Client.start(pool.stratumPort, `${address}.${name.replaceAll(" ", "-")}`),
    patience("an honest miner to be let in"),
  );
  expect(await client.submit(client.makeShare()), name).toMatchObject({ result: true });
  client.close();
}

function patience(what: string) {
  return { timeoutMs: 30_000, what, intervalMs: 100 };
}

function cutOff(cause: string): Promise<number> {
  return pool.metric("penstock_stratum_disconnects_total", { cause });
}

function penalties(taken: string): Promise<number> {
  return pool.metric("penstock_stratum_penalties_total", { taken });
}

function residentBytes(): Promise<number> {
  return pool.metric("process_resident_memory_bytes", { process: "worker-1" });
}
