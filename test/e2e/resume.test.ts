/**
 * A client that comes back goes on where it was: with several worker processes, whichever the kernel hands it to, and
 * after a restart of the pool, however the last run ended.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { fundWallet, newAddress } from "../support/chain.ts";
import { until } from "../support/deadline.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { V1Client } from "../support/v1-client.ts";

let node: Bitcoind;
let pool: TestPool;
let user: string;

beforeAll(async () => {
  node = await startBitcoind({ chain: "signet" });
  await fundWallet(node);
  user = `${await newAddress(node)}.rig`;
  pool = await startPool({ nodes: [node], address: await newAddress(node), difficulty: 1e-7, workers: 3 });
});

afterAll(async () => {
  await pool?.dispose();
  await node?.stop();
});

/** The process notices the end of a connection a moment after the client made it. */
async function ended(client: V1Client): Promise<void> {
  const before = await pool.metric("penstock_stratum_kept_sessions");
  client.close();
  await until(async () => (await pool.metric("penstock_stratum_kept_sessions")) > before, {
    timeoutMs: 10_000,
    what: "the end of the session",
  });
}

test("whichever process a client comes back to, it goes on with its session, and its late share counts once", async () => {
  let client = await V1Client.start(pool.stratumPort, user);
  const { sessionId, extranonce1 } = client;
  for (let round = 0; round < 20; round++) {
    const late = client.makeShare();
    const early = client.makeShare();
    expect((await client.submit(early)).error).toBe(null);
    await ended(client);
    const { extranonce2 } = client;
    client = await V1Client.start(pool.stratumPort, user, { sessionId });
    client.extranonce2 = extranonce2;
    expect([client.sessionId, client.extranonce1]).toEqual([sessionId, extranonce1]);
    expect((await client.submit(early)).error?.[1]).toMatch(/^duplicate: /);
    expect((await client.submit(late)).error).toBe(null);
    expect((await client.submit(late)).error?.[1]).toMatch(/^duplicate: /);
  }
  client.close();
  expect(await pool.metric("penstock_stratum_resumed_sessions_total")).toBe(20);
  // Of twenty returns to three processes some were to another one: no run of luck is that long.
  expect(await pool.metric("penstock_stratum_disconnects_total", { cause: "moved" })).toBeGreaterThan(0);
});

test("what comes with the subscription in one packet goes with it to the other process", async () => {
  const first = await V1Client.start(pool.stratumPort, user);
  await ended(first);
  const again = await V1Client.start(pool.stratumPort, user, { sessionId: first.sessionId });
  const answers = await Promise.all([
    again.request("mining.extranonce.subscribe", []),
    again.request("mining.ping", []),
  ]);
  expect(answers.map(({ result }) => result)).toEqual([true, "pong"]);
  again.close();
});

test("never while it lives: a second client of the same session begins anew", async () => {
  const first = await V1Client.start(pool.stratumPort, user);
  const second = await V1Client.start(pool.stratumPort, user, { sessionId: first.sessionId });
  expect(second.extranonce1).not.toBe(first.extranonce1);
  expect(second.sessionId).not.toBe(first.sessionId);
  first.close();
  second.close();
});

test.each(["everything", "cleanly"] as const)(
  "after the pool ended (%s) and came back, so does its client, with the jobs it had",
  async (how) => {
    const client = await V1Client.start(pool.stratumPort, user);
    const { sessionId, extranonce1 } = client;
    const [acknowledged, late] = [client.makeShare(), client.makeShare()];
    expect((await client.submit(acknowledged)).result).toBe(true);
    // Sessions are written once a second.
    const written = await pool.metric("penstock_shares_journaled_total");
    expect(written).toBeGreaterThan(0);
    if (how === "everything") {
      await until(async () => (await sessionsOnDisk(sessionId)) > 0, {
        timeoutMs: 10_000,
        what: "its session",
      });
      await pool.kill("everything");
    } else await pool.stop();
    await pool.start();
    const again = await V1Client.start(pool.stratumPort, user, { sessionId });
    expect([again.sessionId, again.extranonce1]).toEqual([sessionId, extranonce1]);
    expect((await again.submit(acknowledged)).error?.[1]).toMatch(/^duplicate: /);
    expect((await again.submit(late)).result).toBe(true);
    again.close();
  },
);

async function sessionsOnDisk(sessionId: string): Promise<number> {
  const { readdir, readFile } = await import("node:fs/promises");
  const folder = `${pool.folder}/data/sessions`;
  const texts = await Promise.all(
    (await readdir(folder)).map((name) => readFile(`${folder}/${name}`, "utf8").catch(() => "")),
  );
  return texts.filter((text) => text.includes(`a ${sessionId} `)).length;
}
