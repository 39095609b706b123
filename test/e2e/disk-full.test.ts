/**
 * A whole pool whose journal lies on a disk that runs full and that fails: miners are sent to their backup pools while
 * no share could be kept, come back by themselves, and nothing that was acknowledged is lost.
 */
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { fundWallet, newAddress } from "../support/chain.ts";
import { until } from "../support/deadline.ts";
import { expectExactlyOnce } from "../support/exactly-once.ts";
import { aFaultyDisk, type FaultyDisk } from "../support/fault-injection/journal-process.ts";
import { startMiners, type TestMiners } from "../support/miners.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { workerPids } from "../support/worker-pids.ts";

const diskFull = "the journal's disk is full";
const mebibyte = 2 ** 20;
const soon = { timeoutMs: 20_000, intervalMs: 20 };

let node: Bitcoind;
let pool: TestPool;
let miners: TestMiners;
let disk: FaultyDisk;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  node = await startBitcoind({ chain: "signet" });
  await fundWallet(node);
  folder = await temporaryFolder("full-disk");
  const directory = join(folder.path, "journal");
  await mkdir(directory);
  disk = aFaultyDisk(directory);
  pool = await startPool({
    nodes: [node],
    address: await newAddress(node),
    difficulty: 1e-9,
    settings: { journal: { directory, alarmFreeMegabytes: 20, refuseFreeMegabytes: 10 } },
    env: disk.environment,
  });
  const address = await newAddress(node);
  miners = await startMiners({
    port: () => pool.stratumPort,
    // Long names fill a segment soon.
    users: ["a", "b"].map((name) => `${address}.${name.repeat(120)}`),
    connections: 8,
    sharesPerSecond: 600,
  });
  await progress();
});

afterAll(async () => {
  await miners?.stop();
  await pool?.dispose();
  await node?.stop();
  disk?.remove();
  await folder?.remove();
});

test("little free space is an alarm and no more: shares are accepted as before", async () => {
  disk.order(`statfs ${15 * mebibyte} journal`);
  await untilJournal("alarm");
  const disconnects = miners.disconnects;
  await progress();
  expect(await readiness()).toMatchObject({ status: 200 });
  expect(miners.disconnects).toBe(disconnects);
});

test("no free space cuts miners off with a reason, and they are served again when there is some", async () => {
  disk.order(`statfs ${5 * mebibyte} journal`);
  await refusing();
  disk.order(`statfs ${15 * mebibyte} journal`);
  await servedAgain("alarm");
  disk.order();
  await servedAgain("ok");
});

test("a disk that has no room for the next segment cuts miners off, and they are served again when it has", async () => {
  // The zeros of the next segment, not the header of the one that lies ready.
  disk.order(`write ENOSPC spare.tmp ${mebibyte}`);
  await refusing();
  disk.order();
  await servedAgain("ok");
});

test("a disk that fails to sync costs the worker, which is replaced, and those shares alone that nobody was told of", async () => {
  const [worker] = await workerPids(pool);
  const refused = miners.refused.get("unavailable") ?? 0;
  disk.order("fdatasync EIO .wal");
  await until(async () => !(await workerPids(pool)).includes(worker!), {
    ...soon,
    what: "the worker to leave",
  });
  disk.order();
  await servedAgain("ok");
  expect(await pool.metric("penstock_worker_restarts_total")).toBeGreaterThanOrEqual(1);
  expect(miners.refused.get("unavailable") ?? 0, "who waited was told that it failed").toBeGreaterThan(
    refused,
  );
});

test("a pool that starts on a full disk says so, and serves as soon as there is room", async () => {
  await pool.stop();
  disk.order(`write ENOSPC spare.tmp ${mebibyte}`);
  const started = pool.start();
  await until(async () => (await readiness()).body.includes("JOURNAL_NO_SPACE"), {
    ...soon,
    what: "/readyz to say why no worker starts",
  });
  disk.order();
  await started;
  await progress();
});

test("after all of it each acknowledged share is in the ledger once, and none is there that nobody made", async () => {
  await miners.stop();
  expect([...miners.refused.keys()]).toEqual(["unavailable"]);
  await expectExactlyOnce(pool, miners);
  const verified = await pool.cli("journal", "verify");
  expect(verified, verified.stdout + verified.stderr).toMatchObject({ code: 0 });
});

/** Miners are cut off, and nobody is let in; whoever watches the pool is told why. */
async function refusing(): Promise<void> {
  await until(async () => (await readiness()).status === 503, { ...soon, what: "the pool to refuse" });
  expect((await readiness()).body).toContain(diskFull);
  await untilJournal("refusing");
  await until(async () => (await pool.metric("penstock_stratum_connections")) === 0, {
    ...soon,
    what: "every miner to be cut off",
  });
  expect(await isListening()).toBe(false);
  expect(await pool.metric("penstock_ready")).toBe(0);
  const { size } = miners.acknowledged;
  const { disconnects } = miners;
  await until(() => miners.disconnects > disconnects + 50, { ...soon, what: "miners to have tried again" });
  expect(miners.acknowledged.size).toBe(size);
}

async function servedAgain(state: string): Promise<void> {
  await untilJournal(state);
  await pool.ready();
  await progress();
}

/** Some seconds' worth of shares are accepted. */
async function progress(): Promise<void> {
  const { size } = miners.acknowledged;
  await until(() => miners.acknowledged.size > size + 200, { ...soon, what: "shares to be accepted" });
}

async function untilJournal(state: string): Promise<void> {
  await until(async () => (await pool.metric("penstock_journal_state", { state })) === 1, {
    ...soon,
    what: `the journal to be in the state ${state}`,
  });
}

async function readiness(): Promise<{ status: number; body: string }> {
  const response = await fetch(`${pool.httpUrl}/readyz`);
  return { status: response.status, body: await response.text() };
}

async function isListening(): Promise<boolean> {
  const socket = connect({ port: pool.stratumPort, host: "127.0.0.1" });
  const outcome = await Promise.race([
    once(socket, "connect").then(() => true),
    once(socket, "close").then(() => false),
  ]).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ECONNREFUSED") throw error;
    return false;
  });
  socket.destroy();
  return outcome;
}
