/**
 * Stratum V2 against the whole pool and a real node, on a private signet where a block takes some five million hashes:
 * every kind of channel mines blocks that the chain takes, beside V1 and for the same account.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeAuthorityKey } from "../../src/protocol/v2/noise/authority-key.ts";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { fundWallet, newAddress } from "../support/chain.ts";
import { until } from "../support/deadline.ts";
import { FrameClient } from "../support/frame-client.ts";
import type { LedgerShare } from "../support/miners.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { V1Client } from "../support/v1-client.ts";
import { V2Client, type V2ClientOptions } from "../support/v2-client.ts";

let node: Bitcoind;
let pool: TestPool;
let account: string;
const opened: { close(): void }[] = [];

beforeAll(async () => {
  node = await startBitcoind({ chain: "signet" });
  await fundWallet(node);
  account = await newAddress(node);
  pool = await startPool({ nodes: [node], address: await newAddress(node), difficulty: 0.00002 });
});

afterAll(async () => {
  for (const client of opened) client.close();
  await pool?.dispose();
  await node?.stop();
});

async function v2(options: V2ClientOptions, worker: string): Promise<V2Client> {
  const client = await V2Client.start(pool.stratumPort, `${account}.${worker}`, options);
  opened.push(client);
  return client;
}

async function untilTip(hash: string): Promise<void> {
  await until(async () => (await node.call<string>("getbestblockhash")) === hash, {
    timeoutMs: 30_000,
    what: `block ${hash} in the chain`,
  });
}

test.each<[string, V2ClientOptions]>([
  ["a standard channel", { kind: "standard" }],
  ["a standard channel whose device takes no extended jobs", { kind: "standard", flags: 1 }],
  ["an extended channel", { kind: "extended" }],
  ["an extended channel with 16 bytes of extranonce", { kind: "extended", minExtranonceSize: 16 }],
  ["a group of standard channels, by one job for all", { kind: "standard", channels: 3 }],
])(
  "%s mines a block that the node takes, and goes on with the next tip",
  { timeout: 60_000 },
  async (name, options) => {
    const client = await v2(options, name.length.toString());
    for (let round = 0; round < 2; round++) {
      const tip = await node.call<string>("getbestblockhash");
      // Its jobs are for the chain's tip: the pool hears of it in its own time.
      const isOnTip = () =>
        client.channels.every(
          ({ tip: known }) => Buffer.from(known!.previousHash).reverse().toString("hex") === tip,
        );
      await client.frames.until(isOnTip, "work on the newest tip");
      const channel = client.channels.at(-1)!;
      const block = client.makeBlock(channel);
      expect(await client.submit(block)).toBe("accepted");
      await untilTip(block.hash);
    }
    client.close();
  },
);

test("V1 and V2 miners of one account are credited alike, share for share", { timeout: 60_000 }, async () => {
  const user = `${account}.both`;
  const v1 = await V1Client.start(pool.stratumPort, user);
  opened.push(v1);
  const miners = [
    await v2({ kind: "standard" }, "both"),
    await v2({ kind: "extended", channels: 2 }, "both"),
    await v2({ kind: "extended", minExtranonceSize: 16 }, "both"),
  ];
  const made = new Map<string, string>();
  for (let round = 0; round < 12; round++) {
    const one = v1.makeShare();
    made.set(one.hash, "v1");
    expect((await v1.submit(one)).result).toBe(true);
    for (const miner of miners) {
      const share = miner.makeShare();
      made.set(share.hash, "v2");
      expect(await miner.submit(share)).toBe("accepted");
    }
  }
  for (const miner of miners)
    expect(miner.channels.reduce((sum, { acceptedCount }) => sum + acceptedCount, 0)).toBe(12);
  await pool.applied();
  const { stdout } = await pool.cli("ledger", "shares");
  const booked = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as LedgerShare)
    .filter(({ worker }) => worker === "both");
  expect(new Map(booked.map(({ hash, protocol }) => [hash, protocol]))).toEqual(made);
  expect(new Set(booked.map((share) => share.account))).toEqual(new Set([account]));
  expect(new Set(booked.map(({ work }) => work)).size).toBe(1);
  expect(await pool.metric("penstock_shares_answered_total", { protocol: "v2", result: "accepted" })).toBe(
    36 + 10,
  );
});

test("a share that comes again is a duplicate over V2, too", async () => {
  const client = await v2({ kind: "extended" }, "again");
  const share = client.makeShare();
  expect(await client.submit(share)).toBe("accepted");
  expect(await client.submit(share)).toBe("duplicate-share");
});

test("the pool shows the certificate of the key that `penstock v2 key` prints", async () => {
  const { stdout } = await pool.cli("v2", "key");
  const key = decodeAuthorityKey(stdout.trim());
  if (!(key instanceof Uint8Array)) throw new Error(`no key: ${stdout}`);
  const nowSeconds = Math.floor(Date.now() / 1000);
  const client = await FrameClient.connect(pool.stratumPort, key, nowSeconds);
  client.close();
  const other = Buffer.alloc(32, 2);
  await expect(FrameClient.connect(pool.stratumPort, other, nowSeconds)).rejects.toThrow();
});
