/**
 * The promise of the pool, seen from outside: whatever is killed at whatever moment, each share that a miner was told
 * is accepted stands in the ledger exactly once, with the exact work, and nothing stands there that no miner made.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { until } from "../support/deadline.ts";
import { expectExactlyOnce } from "../support/exactly-once.ts";
import { type MinersOptions, startMiners, type TestMiners } from "../support/miners.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import type { V2ClientOptions } from "../support/v2-client.ts";

/** Each has to come back under load; PENSTOCK_KILLS makes a long campaign of it. */
const kills = Number(process.env["PENSTOCK_KILLS"] ?? 20);
const sharesPerSecond = 600;
/** PENSTOCK_KILL_PROTOCOLS: v1, v2, or both if left out. */
const protocols = protocolsOf(process.env["PENSTOCK_KILL_PROTOCOLS"]);
const victims = ["worker", "primary", "everything"] as const;

function protocolsOf(wanted = "v1,v2"): NonNullable<MinersOptions["protocols"]> {
  const v2: V2ClientOptions[] = [
    { kind: "extended" },
    { kind: "standard", flags: 1 },
    { kind: "extended", minExtranonceSize: 16 },
    { kind: "standard", channels: 3 },
  ];
  if (wanted === "v1") return ["v1"];
  return wanted === "v2" ? v2 : v2.flatMap((one) => ["v1" as const, one]);
}

let node: Bitcoind;
let pool: TestPool;
let miners: TestMiners;

beforeAll(async () => {
  node = await startBitcoind({ chain: "signet" });
  await node.call("createwallet", ["pool"]);
  pool = await startPool({
    nodes: [node],
    address: await node.call<string>("getnewaddress", [], "pool"),
    difficulty: 1e-9,
    workers: 2,
  });
  miners = await startMiners({
    port: () => pool.stratumPort,
    users: await Promise.all(
      ["a", "b", "c", "d"].map(
        async (name) => `${await node.call<string>("getnewaddress", [], "pool")}.${name}`,
      ),
    ),
    connections: 24,
    protocols,
    sharesPerSecond,
  });
});

afterAll(async () => {
  await miners?.stop();
  await pool?.dispose();
  await node?.stop();
});

test(`every acknowledged share is in the ledger exactly once after ${kills} kills under load`, {
  timeout: 300_000,
}, async () => {
  let servedMs = 0;
  let servedShares = 0;
  for (let kill = 0; kill < kills; kill++) {
    const acknowledgedBefore = miners.acknowledged.size;
    await until(() => miners.acknowledged.size > acknowledgedBefore, {
      timeoutMs: 60_000,
      what: `the first share acknowledged before kill ${kill + 1}`,
      intervalMs: 1,
    });
    const servedSince = performance.now();
    // A random moment of the flow: some hundred shares further on.
    const more = 200 + Math.floor(Math.random() * 600);
    await until(() => miners.acknowledged.size >= acknowledgedBefore + more, {
      timeoutMs: 60_000,
      what: `${more} more acknowledged shares before kill ${kill + 1}`,
      intervalMs: 1,
    });
    servedMs += performance.now() - servedSince;
    servedShares += miners.acknowledged.size - acknowledgedBefore;
    const victim = victims[kill % victims.length]!;
    await pool.kill(victim);
    if (victim !== "worker") await pool.start();
  }
  await miners.stop();
  const inLedger = await expectExactlyOnce(pool, miners);
  for (const share of inLedger.values()) {
    const made = miners.submitted.get(share.hash)!;
    expect(`${share.account}.${share.worker}`).toBe(made.user);
    expect(share.work).toBe(made.target.work.toString());
    expect(BigInt(`0x${share.target}`)).toBe(made.target.value);
  }

  console.log(
    `${kills} kills, ${miners.acknowledged.size} acknowledged of ${miners.submitted.size} submitted, ` +
      `${inLedger.size} in the ledger; ${Math.round((servedShares / servedMs) * 1000)} acknowledged/s while serving`,
  );
});
