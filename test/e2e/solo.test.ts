/**
 * Solo work beside PPLNS, seen from outside: each solo block pays its finder in its coinbase and the pool its fee, the
 * window that others are paid over knows nothing of it, and the books say so.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { fundWallet, mineBlocks, newAddress } from "../support/chain.ts";
import { until } from "../support/deadline.ts";
import { expectExactlyOnce } from "../support/exactly-once.ts";
import { type LedgerShare, startMiners } from "../support/miners.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { freePort } from "../support/ports.ts";
import { V1Client } from "../support/v1-client.ts";

const wallet = "funds";

type Session = Pick<V1Client, "sessionId" | "extranonce1">;

interface CoinbaseOutput {
  readonly address: string | undefined;
  readonly sats: bigint;
}

/** The outputs of a block's coinbase that are worth something, and its size without witness. */
async function coinbaseOf(node: Bitcoind, hash: string) {
  interface Block {
    readonly tx: readonly {
      readonly size: number;
      readonly vout: readonly {
        readonly value: number;
        readonly scriptPubKey: { readonly address?: string };
      }[];
    }[];
  }
  const { tx } = await node.call<Block>("getblock", [hash, 2]);
  const { vout, size } = tx[0]!;
  const outputs: CoinbaseOutput[] = vout
    .filter(({ value }) => value > 0)
    .map(({ value, scriptPubKey }) => ({
      address: scriptPubKey.address,
      sats: BigInt(Math.round(value * 1e8)),
    }));
  return { outputs, bytes: size - witnessBytes };
}

/** Marker, flag, and one witness element of 32 bytes with its counts. */
const witnessBytes = 2 + 1 + 1 + 32;

async function mine(node: Bitcoind, miner: V1Client): Promise<string> {
  const share = miner.makeBlock();
  expect(await miner.submit(share)).toMatchObject({ result: true });
  await untilTip(node, share.hash);
  return share.hash;
}

async function untilTip(node: Bitcoind, hash: string): Promise<void> {
  await until(async () => (await node.call("getbestblockhash")) === hash, {
    timeoutMs: 10_000,
    what: "the node to have the block",
  });
}

/** Waits until the pool gives this miner work on the node's tip. */
async function onTip(node: Bitcoind, miner: V1Client): Promise<void> {
  const tip = Buffer.from(await node.call<string>("getbestblockhash"), "hex")
    .reverse()
    .swap32()
    .toString("hex");
  await miner.until(() => miner.job.previousHash === tip);
}

async function balancesOf(pool: TestPool): Promise<Map<string, bigint>> {
  const { stdout, stderr, code } = await pool.cli("ledger", "balances", "--json");
  expect(code, stderr).toBe(0);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  return new Map(lines.map(({ account, totalSats }) => [account as string, BigInt(totalSats)]));
}

async function statementOf(pool: TestPool, account: string) {
  const { stdout, stderr, code } = await pool.cli("ledger", "statement", account, "--json");
  expect(code, stderr).toBe(0);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { kind: string; block: string; paidInCoinbaseSats: string });
}

async function sharesOf(pool: TestPool): Promise<LedgerShare[]> {
  await pool.applied();
  const { stdout, code } = await pool.cli("ledger", "shares");
  expect(code).toBe(0);
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line));
}

async function expectRecomputable(pool: TestPool): Promise<void> {
  const recomputed = await pool.cli("ledger", "recompute");
  expect(recomputed, recomputed.stdout + recomputed.stderr).toMatchObject({ code: 0 });
}

async function untilBlocks(pool: TestPool, counts: Record<string, number>): Promise<void> {
  await until(
    async () => {
      for (const [state, count] of Object.entries(counts))
        if ((await pool.metric("penstock_blocks", { state })) !== count) return false;
      return true;
    },
    { timeoutMs: 60_000, what: `blocks by state to be ${JSON.stringify(counts)}` },
  );
}

function feeOf(reward: bigint): bigint {
  return reward / 100n;
}

describe("a solo port beside a PPLNS port, where every share is a block", () => {
  let node: Bitcoind;
  let rival: Bitcoind;
  let pool: TestPool;
  let poolAddress: string;
  let soloPort: number;
  let pplns: V1Client;
  const opened: V1Client[] = [];
  /** What the fees of solo blocks in the chain sum up to, and how many blocks there are in all. */
  let soloFees = 0n;
  let blocks = 0;

  beforeAll(async () => {
    node = await startBitcoind({ chain: "regtest" });
    rival = await startBitcoind({ chain: "regtest", connectTo: [node] });
    await fundWallet(node);
    poolAddress = await newAddress(node);
    soloPort = await freePort();
    pool = await startPool({
      nodes: [node],
      address: poolAddress,
      difficulty: 1e-9,
      settings: { stratum: { listeners: [{ listen: `127.0.0.1:${soloPort}`, scheme: "solo" }] } },
    });
    pplns = await V1Client.start(pool.stratumPort, `${await newAddress(node)}.pplns`);
  });

  afterAll(async () => {
    pplns?.close();
    for (const client of opened) client.close();
    await pool?.dispose();
    await rival?.stop();
    await node?.stop();
  });

  async function soloMiner(address: string): Promise<V1Client> {
    const client = await V1Client.start(soloPort, `${address}.solo`);
    opened.push(client);
    return client;
  }

  test("the node is shown the pool's job and the solo one, each with short and long extranonces, and takes all", async () => {
    const answered = (result: string) => pool.metric("penstock_template_proposals_total", { result });
    await until(async () => (await answered("accepted")) >= 4, { timeoutMs: 10_000, what: "four answers" });
    expect(await answered("refused")).toBe(0);
  });

  test("work comes with the authorization, a new tip before that brings none", async () => {
    const client = await V1Client.connect(soloPort);
    opened.push(client);
    await mineBlocks(node, 1);
    await onTip(node, pplns);
    await client.request("mining.ping", []);
    expect(client.jobs).toEqual([]);

    const refused = await client.authorize("nobody.rig");
    expect(refused.error?.[1]).toMatch(/^unauthorized: /);
    expect(client.jobs).toEqual([]);
    expect(await client.authorize(`${await newAddress(node)}.rig`)).toMatchObject({ result: true });
    await client.until(() => client.jobs.length > 0);
    await onTip(node, client);
  });

  test.each(["P2PKH", "P2SH", "P2WPKH", "P2WSH", "P2TR"])(
    "a block pays the miner's own %s address the reward less the fee, and the pool's address the fee beside it",
    async (kind) => {
      const address = await addressOf(node, kind);
      const miner = await soloMiner(address);
      await onTip(node, miner);
      const { outputs } = await coinbaseOf(node, await mine(node, miner));
      const reward = outputs.reduce((sum, { sats }) => sum + sats, 0n);
      expect(reward).toBe(5_000_000_000n);
      expect(outputs).toEqual([
        { address, sats: reward - feeOf(reward) },
        { address: poolAddress, sats: feeOf(reward) },
      ]);
      soloFees += feeOf(reward);
      blocks += 1;
      miner.close();
    },
  );

  test("solo blocks are the fee to the pool's books, and no miner's balance", async () => {
    await untilBlocks(pool, { immature: blocks });
    expect(await balancesOf(pool)).toEqual(
      new Map([
        ["pool fee", soloFees],
        ["total", soloFees],
      ]),
    );
  });

  test("a PPLNS block mined after many solo shares credits PPLNS miners alone", async () => {
    await onTip(node, pplns);
    const { outputs } = await coinbaseOf(node, await mine(node, pplns));
    const reward = 5_000_000_000n;
    expect(outputs).toEqual([{ address: poolAddress, sats: reward }]);
    blocks += 1;
    await untilBlocks(pool, { immature: blocks });
    expect(await balancesOf(pool)).toEqual(
      new Map([
        [pplns.user.split(".")[0]!, reward - feeOf(reward)],
        ["pool fee", soloFees + feeOf(reward)],
        ["total", soloFees + reward],
      ]),
    );
  });

  test("two solo miners work at once, each for himself; a block of one is no work of the other", async () => {
    const [one, other] = [
      await soloMiner(await newAddress(node)),
      await soloMiner(await newAddress(node, "taproot")),
    ];
    await onTip(node, one);
    await onTip(node, other);
    expect(one.job.coinbase2).not.toBe(other.job.coinbase2);
    expect(one.job.branch).toEqual(other.job.branch);
    for (const miner of [one, other]) {
      await onTip(node, miner);
      const { outputs } = await coinbaseOf(node, await mine(node, miner));
      expect(outputs[0]!.address).toBe(miner.user.split(".")[0]);
      soloFees += outputs[1]!.sats;
      blocks += 1;
    }
    const statement = await until(
      async () => {
        const lines = await statementOf(pool, other.user.split(".")[0]!);
        return lines.length > 0 && lines;
      },
      { timeoutMs: 10_000, what: "the block in the statement" },
    );
    expect(statement).toMatchObject([{ kind: "paid", paidInCoinbaseSats: "4950000000" }]);
  });

  test("a second address on a connection is refused with the reason, a second worker of the first is not", async () => {
    const address = await newAddress(node);
    const miner = await soloMiner(address);
    const refused = await miner.authorize(`${await newAddress(node)}.rig`);
    expect(refused).toMatchObject({ result: false });
    expect(refused.error?.[1]).toMatch(/^unauthorized: This connection mines solo for another address/);
    expect(await miner.authorize(`${address}.second`)).toMatchObject({ result: true });
    await onTip(node, miner);
    const { outputs } = await coinbaseOf(node, await mine(node, miner));
    expect(outputs[0]!.address).toBe(address);
    soloFees += outputs[1]!.sats;
    blocks += 1;
  });

  test("a block under a name that was never authorized is no share, and pays the connection's own address all the same", async () => {
    const address = await newAddress(node);
    const miner = await soloMiner(address);
    await onTip(node, miner);
    const block = miner.makeBlock();
    const answer = await miner.request("mining.submit", ["somebody-else", ...block.params]);
    expect(answer.error?.[1]).toMatch(/^unauthorized: /);
    await untilTip(node, block.hash);
    const { outputs } = await coinbaseOf(node, block.hash);
    expect(outputs[0]).toEqual({ address, sats: 5_000_000_000n - feeOf(5_000_000_000n) });
    soloFees += outputs[1]!.sats;
    blocks += 1;
    await untilBlocks(pool, { immature: blocks });
    expect(await statementOf(pool, address)).toMatchObject([{ kind: "paid", block: block.hash }]);
    expect((await sharesOf(pool)).filter(({ hash }) => hash === block.hash)).toEqual([]);
  });

  test("a solo block that a longer branch replaces is paid no more, and again when its branch comes back", {
    timeout: 120_000,
  }, async () => {
    await untilBlocks(pool, { immature: blocks, orphaned: 0 });
    const before = await balancesOf(pool);
    await sameTip(node, rival);
    await rival.call("setnetworkactive", [false]);
    await until(async () => (await rival.call("getconnectioncount")) === 0, {
      timeoutMs: 10_000,
      what: "the rival to be alone",
    });
    const address = await newAddress(node);
    const miner = await soloMiner(address);
    await onTip(node, miner);
    const hash = await mine(node, miner);
    await untilBlocks(pool, { immature: blocks + 1 });
    const credited = await balancesOf(pool);
    expect(credited.get("total")).toBe(before.get("total")! + feeOf(5_000_000_000n));

    const [firstRival] = await mineBlocks(rival, 2, await newAddress(node));
    await rival.call("setnetworkactive", [true]);
    await sameTip(node, rival);
    await untilBlocks(pool, { immature: blocks, orphaned: 1 });
    expect(await balancesOf(pool)).toEqual(before);
    expect(await statementOf(pool, address)).toMatchObject([
      { kind: "orphaned", block: hash, paidInCoinbaseSats: "0" },
    ]);

    await node.call("invalidateblock", [firstRival]);
    await untilBlocks(pool, { immature: blocks + 1, orphaned: 0 });
    expect(await balancesOf(pool)).toEqual(credited);
    expect(await statementOf(pool, address)).toMatchObject([
      { kind: "paid", block: hash, paidInCoinbaseSats: "4950000000" },
    ]);
  });

  test("all commands agree on the books: those of solo shares, too", async () => {
    await expectRecomputable(pool);
    const shares = await sharesOf(pool);
    expect(shares.filter(({ worker, scheme }) => scheme !== (worker === "pplns" ? "pplns" : "solo"))).toEqual(
      [],
    );
    const { stdout } = await pool.cli("ledger", "balances");
    expect(stdout).toMatch(/paid in the coinbases of \d+ solo blocks: \d+ sat/);
    expect(await pool.metric("penstock_blocks_submissions_total", { result: "refused" })).toBe(0);
  });
});

describe("a fee for many, on devices that take small coinbases alone", () => {
  const reward = 5_000_000_000n;
  let node: Bitcoind;
  let pool: TestPool;
  let poolAddress: string;

  beforeAll(async () => {
    node = await startBitcoind({ chain: "regtest" });
    await fundWallet(node);
    poolAddress = await newAddress(node);
    const others = await Promise.all(Array.from({ length: 12 }, () => newAddress(node, "taproot")));
    pool = await startPool({
      nodes: [node],
      address: poolAddress,
      difficulty: 1e-9,
      settings: { pool: { scheme: "solo", split: others.map((address) => ({ address, percent: 5 })) } },
    });
  });

  afterAll(async () => {
    await pool?.dispose();
    await node?.stop();
  });

  test.each([
    { agent: "NiceHash/1.0.0", outputs: 2, most: 500 },
    { agent: "penstock-test/1", outputs: 14, most: 750 },
  ])(
    "$agent: $outputs outputs within $most bytes, the fee the same",
    async ({ agent, outputs: count, most }) => {
      const address = await newAddress(node);
      const miner = await V1Client.start(pool.stratumPort, `${address}.rig`, { agent });
      await onTip(node, miner);
      const { outputs, bytes } = await coinbaseOf(node, await mine(node, miner));
      miner.close();
      expect(outputs).toHaveLength(count);
      expect(bytes).toBeLessThanOrEqual(most);
      expect(outputs[0]).toEqual({ address, sats: reward - feeOf(reward) });
      expect(outputs[1]!.address).toBe(poolAddress);
      expect(outputs.slice(1).reduce((sum, { sats }) => sum + sats, 0n)).toBe(feeOf(reward));
    },
  );
});

describe("a pool that mines solo for nothing, with a PPLNS port beside it", () => {
  let node: Bitcoind;
  let pool: TestPool;
  let pplnsPort: number;

  beforeAll(async () => {
    node = await startBitcoind({ chain: "signet" });
    await fundWallet(node);
    pplnsPort = await freePort();
    pool = await startPool({
      nodes: [node],
      address: await newAddress(node),
      difficulty: 1e-9,
      settings: {
        pool: { scheme: "solo", feePercent: 0 },
        stratum: { listeners: [{ listen: `127.0.0.1:${pplnsPort}`, scheme: "pplns" }] },
      },
    });
  });

  afterAll(async () => {
    await pool?.dispose();
    await node?.stop();
  });

  /** The pool has to notice first that the session's connection is gone. */
  async function resume(user: string, { sessionId, extranonce1 }: Session): Promise<V1Client> {
    return await until(
      async () => {
        const client = await V1Client.start(pool.stratumPort, user, { sessionId });
        if (client.extranonce1 === extranonce1) return client;
        client.close();
        return undefined;
      },
      { timeoutMs: 10_000, what: "the session to be taken up again" },
    );
  }

  test("whatever is killed, each acknowledged share of both ports is in the ledger exactly once, under its scheme", {
    timeout: 240_000,
  }, async () => {
    const users = async (worker: string) =>
      Promise.all(
        ["segwit", "taproot"].map(async (kind) => `${await newAddress(node, kind as "segwit")}.${worker}`),
      );
    const load = { connections: 6, sharesPerSecond: 150 };
    const solo = await startMiners({ port: () => pool.stratumPort, users: await users("solo"), ...load });
    const pplns = await startMiners({ port: () => pplnsPort, users: await users("pplns"), ...load });
    for (const victim of ["everything", "worker", "primary", "everything"] as const) {
      const [soloBefore, pplnsBefore] = [solo.acknowledged.size, pplns.acknowledged.size];
      await until(
        () => solo.acknowledged.size > soloBefore + 100 && pplns.acknowledged.size > pplnsBefore + 100,
        { timeoutMs: 60_000, what: "shares on both ports" },
      );
      await pool.kill(victim);
      if (victim !== "worker") await pool.start();
    }
    await solo.stop();
    await pplns.stop();
    const inLedger = await expectExactlyOnce(pool, {
      acknowledged: new Map([...solo.acknowledged, ...pplns.acknowledged]),
      submitted: new Map([...solo.submitted, ...pplns.submitted]),
    });
    for (const { hash, account, worker, scheme } of inLedger.values()) {
      expect(scheme).toBe(solo.submitted.has(hash) ? "solo" : "pplns");
      expect(`${account}.${worker}`).toBe((solo.submitted.get(hash) ?? pplns.submitted.get(hash))!.user);
    }
  });

  test("a solo share sent again is a duplicate, on a session taken up again too, which the PPLNS port does not do", async () => {
    const address = await newAddress(node);
    const miner = await V1Client.start(pool.stratumPort, `${address}.again`);
    const share = miner.makeShare();
    expect(await miner.submit(share)).toMatchObject({ result: true });
    expect((await miner.submit(share)).error?.[1]).toMatch(/^duplicate: /);
    const { extranonce1, sessionId, user } = miner;
    miner.close();

    // With another extranonce1 and another coinbase its bytes are a hash of their own, which may even be a share.
    const elsewhere = await V1Client.start(pplnsPort, user, { sessionId });
    expect(elsewhere.extranonce1).not.toBe(extranonce1);
    await elsewhere.submit(share);
    elsewhere.close();

    const again = await resume(user, { sessionId, extranonce1 });
    expect((await again.submit(share)).error?.[1]).toMatch(/^duplicate: /);
    again.close();

    const lines = (await sharesOf(pool)).filter(({ hash }) => hash === share.hash);
    expect(lines).toMatchObject([{ account: address, worker: "again", scheme: "solo", block: false }]);
  });

  test("whoever takes a session up for another address earns nothing by the shares that were made for the first", async () => {
    const miner = await V1Client.start(pool.stratumPort, `${await newAddress(node)}.first`);
    const shares = Array.from({ length: 20 }, () => miner.makeShare());
    const { extranonce1, sessionId } = miner;
    miner.close();
    const thief = await resume(`${await newAddress(node)}.thief`, { sessionId, extranonce1 });
    for (const { params } of shares) await thief.request("mining.submit", [thief.user, ...params]);
    thief.close();
    const inLedger = new Set((await sharesOf(pool)).map(({ hash }) => hash));
    expect(shares.filter(({ hash }) => inLedger.has(hash))).toEqual([]);
  });

  test("a solo share that is late by a restart counts for its miner, once", async () => {
    const address = await newAddress(node);
    const miner = await V1Client.start(pool.stratumPort, `${address}.late`);
    const [known, late] = [miner.makeShare(), miner.makeShare()];
    expect(await miner.submit(known)).toMatchObject({ result: true });
    await pool.stop();
    await pool.start();
    const again = await resume(miner.user, miner);
    expect((await again.submit(known)).error?.[1]).toMatch(/^duplicate: /);
    expect(await again.submit(late)).toMatchObject({ result: true });
    expect((await again.submit(late)).error?.[1]).toMatch(/^duplicate: /);
    again.close();
    const hashes = async () =>
      (await sharesOf(pool)).filter(({ worker }) => worker === "late").map(({ hash }) => hash);
    // The ledger hears of a commit up to 20 ms later.
    const booked = await until(async () => ((await hashes()).length >= 2 ? hashes() : undefined), {
      timeoutMs: 20_000,
      what: "both shares in the ledger",
    });
    expect(booked.sort()).toEqual([known.hash, late.hash].sort());
  });

  test("without a fee the finder's output is the only one, and the books have nothing of it", {
    timeout: 120_000,
  }, async () => {
    const address = await newAddress(node);
    const miner = await V1Client.start(pool.stratumPort, `${address}.solo`);
    await onTip(node, miner);
    const { outputs } = await coinbaseOf(node, await mine(node, miner));
    miner.close();
    expect(outputs).toEqual([{ address, sats: 5_000_000_000n }]);
    await untilBlocks(pool, { immature: 1 });
    expect(await balancesOf(pool)).toEqual(new Map([["total", 0n]]));
    expect(await statementOf(pool, address)).toMatchObject([
      { kind: "paid", paidInCoinbaseSats: "5000000000" },
    ]);
    await expectRecomputable(pool);
  });
});

async function sameTip(node: Bitcoind, rival: Bitcoind): Promise<void> {
  await until(async () => (await node.call("getbestblockhash")) === (await rival.call("getbestblockhash")), {
    timeoutMs: 30_000,
    what: "both nodes to have the same tip",
  });
}

const walletTypes: Record<string, string> = {
  P2PKH: "legacy",
  P2SH: "p2sh-segwit",
  P2WPKH: "bech32",
  P2TR: "bech32m",
};

/** P2WSH is no type of the wallet's: one of a single key. */
async function addressOf(node: Bitcoind, kind: string): Promise<string> {
  const type = walletTypes[kind];
  if (type !== undefined) return node.call("getnewaddress", ["", type], wallet);
  const { pubkey } = await node.call<{ pubkey: string }>("getaddressinfo", [await newAddress(node)], wallet);
  const { address } = await node.call<{ address: string }>("createmultisig", [1, [pubkey], "bech32"]);
  return address;
}
