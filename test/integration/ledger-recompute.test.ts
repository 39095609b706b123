import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { BlockState } from "../../src/blocks/state.ts";
import { runLedger } from "../../src/cli/ledger.ts";
import type { LedgerContext } from "../../src/cli/ledger-context.ts";
import { systemClock } from "../../src/clock.ts";
import { startIngest } from "../../src/ledger/ingest.ts";
import { type Ledger, openLedger } from "../../src/ledger/ledger.ts";
import { aBlock, aHash, aShare, aSoloBlock, aStream, MemoryJournal } from "../support/ledger-records.ts";
import { execute, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { silentLog } from "../support/silent-log.ts";
import { temporaryFolder } from "../support/temporary.ts";

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

interface World {
  readonly context: LedgerContext;
  readonly journals: readonly MemoryJournal[];
  readonly ledger: Ledger;
  /** Applies what the journals hold now, in batches of at most so many records. */
  apply(maxRecords?: number): Promise<void>;
  /** By block hash in hex, what the chain says. */
  readonly confirmations: Map<string, number>;
  run(...args: readonly string[]): Promise<{ code: number; out: string; err: string }>;
}

async function aWorld(): Promise<World> {
  const folder = await temporaryFolder("recompute");
  onTestFinished(folder.remove);
  const databaseUrl = await postgres.createDatabase();
  const orderLogFile = join(folder.path, "order.log");
  const journals = [new MemoryJournal("0-1"), new MemoryJournal("0-2")];
  const openJournal = async (node: string) => journals.find((journal) => journal.node === node)!;
  const ledger = await openLedger({ databaseUrl, orderLogFile, log: silentLog });
  onTestFinished(() => ledger.close());
  const confirmations = new Map<string, number>();
  const chain = {
    confirmations: async (hash: Uint8Array) => confirmations.get(Buffer.from(hash).toString("hex")),
  };
  const context = { databaseUrl, orderLogFile, openJournal, chain, settleMs: 0 };
  return {
    context,
    journals,
    ledger,
    confirmations,
    apply: async (maxRecords = 40) => {
      const ingest = startIngest({
        ...{
          ledger,
          openJournal,
          log: silentLog,
          clock: systemClock,
          shareRetentionDays: 36_500,
          maxRecords,
        },
        intervalMs: 0,
      });
      for (const journal of journals) ingest.announce(journal.end);
      await ingest.caughtUp();
      await ingest.stop();
    },
    run: async (...args) => {
      const [out, err] = [[] as string[], [] as string[]];
      const io = {
        stdout: { write: (text: string) => void out.push(text) },
        stderr: { write: (text: string) => void err.push(text) },
      };
      const code = await runLedger(args, context, io);
      return { code, out: out.join(""), err: err.join("") };
    },
  };
}

/** Two journals in turns, with blocks that are mature, immature, orphaned and just found. */
async function aUsedWorld(): Promise<World> {
  const world = await aWorld();
  for (const [index, journal] of world.journals.entries()) journal.append(...aStream(40 + index, 250));
  await world.apply();
  world.journals[0]!.reopen();
  world.journals[0]!.append(...aStream(50, 100));
  await world.apply(7);
  const blocks = await world.ledger.followedBlocks(0);
  expect(blocks.length).toBeGreaterThan(8);
  for (const [index, { hash }] of blocks.entries()) {
    const { state, confirmations } = [
      { state: "mature", confirmations: 150 },
      { state: "immature", confirmations: 7 },
      { state: "orphaned", confirmations: -1 },
      { state: "submitted", confirmations: 0 },
    ][index % 4]! as { state: "mature"; confirmations: number };
    world.confirmations.set(Buffer.from(hash).toString("hex"), confirmations);
    await world.ledger.setBlockState(hash, state, { confirmations });
  }
  return world;
}

test("recompute finds no difference after journals in turns, small batches and a new epoch", async () => {
  const world = await aUsedWorld();
  expect(await world.run("recompute")).toEqual({
    code: 0,
    out: "",
    err: expect.stringMatching(/^\d+ batches, \d{3} shares, \d+ blocks recomputed: no differences\n$/),
  });
});

test("recompute finds none in an empty ledger either", async () => {
  const world = await aWorld();
  expect((await world.run("recompute")).code).toBe(0);
});

test("balances sum to the rewards of the blocks in the chain, to the satoshi", async () => {
  const world = await aUsedWorld();
  const { code, out } = await world.run("balances", "--json");
  expect(code).toBe(0);
  const lines = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { account: string; totalSats: string });
  const total = lines.find(({ account }) => account === "total")!;
  const accounts = lines.filter(({ account }) => account !== "total");
  const [rewards] = await execute<{ sats: string }>(
    world.context.databaseUrl,
    `SELECT sum(CASE scheme WHEN 'solo' THEN fee_sats ELSE reward_sats END) AS sats
     FROM blocks WHERE state IN ('immature', 'mature')`,
  );
  expect(BigInt(total.totalSats)).toBe(BigInt(rewards!.sats));
  expect(accounts.reduce((sum, { totalSats }) => sum + BigInt(totalSats), 0n)).toBe(BigInt(rewards!.sats));
  expect((await world.run("balances")).out).toContain(`in the chain: ${rewards!.sats} sat\n`);
});

test("a statement ends at the account's balance, for miners and for the pool's fee", async () => {
  const world = await aUsedWorld();
  const balances = (await world.run("balances", "--json")).out.trim().split("\n");
  for (const account of ["account-3", "pool fee"]) {
    const balance = balances.map((line) => JSON.parse(line)).find((line) => line.account === account);
    const { code, out } = await world.run("statement", account, "--json");
    const last = JSON.parse(out.trim().split("\n").at(-1)!);
    expect({ code, immature: last.immatureBalanceSats, payable: last.payableBalanceSats }).toEqual({
      code: 0,
      immature: balance.immatureSats,
      payable: balance.payableSats,
    });
    expect((await world.run("statement", account)).out.split("\n")[0]).toMatch(/^time +movement +height/);
  }
  await expect(world.run("statement", "nobody")).rejects.toMatchObject({ code: "ACCOUNT_UNKNOWN" });
});

/** One round of the pool's and two blocks of a solo miner's, the second of which left the chain. */
async function aMixedWorld(): Promise<World> {
  const world = await aWorld();
  const names = { account: "alone", worker: "rig" };
  const kept = aSoloBlock({ ...names, hash: aHash("kept"), rewardSats: 1_000_000n, feeSats: 10_000n });
  const left = aSoloBlock({ ...names, hash: aHash("left"), rewardSats: 2_000_000n, feeSats: 20_000n });
  const free = aSoloBlock({ ...names, hash: aHash("free"), rewardSats: 3_000_000n, feeSats: 0n });
  world.journals[0]!.append(
    aShare({ account: "pooled" }),
    aShare({ ...names, scheme: "solo" }),
    kept,
    aBlock({ hash: aHash("pooled"), rewardSats: 500_000n, account: "pooled" }),
    left,
    free,
  );
  await world.apply();
  const states = { kept: "mature", pooled: "mature", left: "mature", free: "immature" } as const;
  for (const [name, state] of Object.entries(states)) await move(world, name, state, 120);
  await move(world, "left", "orphaned", -1);
  return world;
}

async function move(world: World, name: string, state: BlockState, confirmations: number): Promise<void> {
  world.confirmations.set(aHash(name).toString("hex"), confirmations);
  await world.ledger.setBlockState(aHash(name), state, { confirmations });
}

test("a solo miner's work earns nothing of the pool's blocks, and of its own the pool has the fee alone", async () => {
  const world = await aMixedWorld();
  world.confirmations.set(aHash("free").toString("hex"), 7);
  expect(await world.run("recompute")).toMatchObject({ code: 0, out: "" });
  const { code, out } = await world.run("balances", "--json");
  expect(code).toBe(0);
  const lines = out.trim().split("\n");
  expect(lines.map((line) => JSON.parse(line)).map(({ account, totalSats }) => [account, totalSats])).toEqual(
    [
      ["pooled", "495000"],
      ["pool fee", "15000"],
      ["total", "510000"],
    ],
  );
  expect((await world.run("balances")).out).toMatch(
    /rewards of 3 blocks in the chain: 510000 sat\npaid in the coinbases of 2 solo blocks: 3990000 sat\n$/,
  );
});

test("the statement of a solo miner lists its blocks with what their coinbases paid, and no balance", async () => {
  const world = await aMixedWorld();
  const { code, out } = await world.run("statement", "alone", "--json");
  const lines = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(code).toBe(0);
  const found = (name: string) => Buffer.from(aHash(name)).reverse().toString("hex");
  const paidBy = new Map(
    lines.map(({ block, kind, paidInCoinbaseSats }) => [block, [kind, paidInCoinbaseSats]]),
  );
  expect(paidBy).toEqual(
    new Map([
      [found("kept"), ["paid", "990000"]],
      [found("left"), ["orphaned", "0"]],
      [found("free"), ["paid", "3000000"]],
    ]),
  );
  for (const { immatureBalanceSats, payableBalanceSats } of lines) {
    expect([immatureBalanceSats, payableBalanceSats]).toEqual(["0", "0"]);
  }
  expect((await world.run("statement", "alone")).out).toMatch(/paid in coinbase\n.* paid .* 990000\n/s);
  const fee = (await world.run("statement", "pool fee", "--json")).out.trim().split("\n");
  expect(fee.map((line) => JSON.parse(line).kind)).toEqual([
    ...["credit", "mature", "credit", "mature", "credit", "mature", "unmature", "reverse"],
  ]);
});

test("a statement of both lists its solo blocks between the movements, by time, and ends at the balance", async () => {
  const world = await aWorld();
  const [early, late] = [Date.now() - 3_600_000, Date.now() + 3_600_000];
  const solo = { account: "both", rewardSats: 100_000n, feeSats: 1_000n };
  world.journals[0]!.append(
    aShare({ account: "both" }),
    aBlock({ hash: aHash("shared") }),
    aSoloBlock({ ...solo, hash: aHash("late"), timeMs: late }),
    aSoloBlock({ ...solo, hash: aHash("early"), timeMs: early }),
  );
  await world.apply();
  for (const name of ["late", "early", "shared"]) await move(world, name, "immature", 3);
  await move(world, "shared", "mature", 101);
  const { out } = await world.run("statement", "both", "--json");
  const lines = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(
    lines.map(({ kind, payableBalanceSats, paidInCoinbaseSats }) => [
      kind,
      payableBalanceSats,
      paidInCoinbaseSats,
    ]),
  ).toEqual([
    ["paid", "0", "99000"],
    ["credit", "0", "0"],
    ["mature", "309375000", "0"],
    ["paid", "309375000", "99000"],
  ]);
});

test("shares are printed as the contract says, in the order of positions", async () => {
  const world = await aWorld();
  const share = aShare({
    hash: aHash("one"),
    account: "bc1qexample",
    worker: "rig.2",
    protocol: "v2",
    block: true,
  });
  world.journals[1]!.append(share, aBlock(), aShare({ scheme: "solo" }));
  await world.apply();
  const { code, out } = await world.run("shares");
  const lines = out.trim().split("\n");
  expect(code).toBe(0);
  expect(lines).toHaveLength(2);
  expect(JSON.parse(lines[0]!)).toEqual({
    hash: Buffer.from(aHash("one")).reverse().toString("hex"),
    account: "bc1qexample",
    worker: "rig.2",
    target: share.target.value.toString(16).padStart(64, "0"),
    work: "1000",
    protocol: "v2",
    block: true,
    scheme: "pplns",
    node: "0-2",
    epoch: 1,
    sequence: 1,
    time: "2026-01-15T12:00:00.000Z",
  });
  expect(JSON.parse(lines[1]!)).toMatchObject({ sequence: 3, scheme: "solo" });
});

// What somebody with all rights on the database might do; the triggers would refuse the entries otherwise.
const tampering: Record<string, string> = {
  "a satoshi moved from one miner to another": `
    UPDATE entries SET sats = sats + CASE WHEN ledger_account = low THEN 1 ELSE -1 END
    FROM (SELECT movement AS victim, min(ledger_account) AS low, max(ledger_account) AS high FROM entries
          WHERE sats > 1 GROUP BY movement HAVING count(*) > 1 LIMIT 1) AS pair
    WHERE movement = victim AND ledger_account IN (low, high)`,
  "a satoshi in a credit":
    "UPDATE block_works SET sats = sats + 1 WHERE ctid = (SELECT min(ctid) FROM block_works)",
  "one unit of work in a slice":
    "UPDATE pplns_works SET work = work + 1 WHERE slice = (SELECT max(slice) FROM pplns_works)",
  "the work of one share": "UPDATE shares SET work = work + 1 WHERE sequence = 17",
  "a share that is missing": "DELETE FROM shares WHERE sequence = 18",
  "a block that nobody found": `
    INSERT INTO blocks SELECT sha256('x'), previous_hash, height, bits, reward_sats, fee_millionths,
      window_thousandths, window_work, fee_sats, found_at, account, worker, 'x', 9, 9 FROM blocks
    WHERE scheme = 'pplns' LIMIT 1`,
  "a solo share that is made the pool's":
    "UPDATE shares SET solo = false WHERE sequence = (SELECT min(sequence) FROM shares WHERE solo) AND solo",
  "a solo block that is made the pool's": `
    UPDATE blocks SET scheme = 'pplns', fee_millionths = 0, window_thousandths = 0, window_work = 0
    WHERE scheme = 'solo'`,
  "a solo block's reward": "UPDATE blocks SET reward_sats = reward_sats + 1 WHERE scheme = 'solo'",
  "a solo block's finder": "UPDATE blocks SET account = 'mallory' WHERE scheme = 'solo'",
  "a block's fee": "UPDATE blocks SET fee_sats = fee_sats - 1 WHERE fee_sats > 0",
  "a state without its movement": "UPDATE blocks SET state = 'mature' WHERE state = 'immature'",
  "the checksum of the order": "UPDATE batches SET checksum = checksum + 1",
};

test("recompute names every kind of tampering, down to a single satoshi", async () => {
  const world = await aUsedWorld();
  await world.ledger.close();
  for (const [what, text] of Object.entries(tampering)) {
    const databaseUrl = await postgres.createDatabase(world.context.databaseUrl);
    await execute(databaseUrl, `SET session_replication_role = replica; ${text}`);
    const out: string[] = [];
    const io = { stdout: { write: (line: string) => out.push(line) }, stderr: { write: () => true } };
    expect(await runLedger(["recompute"], { ...world.context, databaseUrl }, io), what).toBe(1);
    expect(out.join(""), what).toMatch(/: database .+, recomputed .+\n/);
  }
});

test("a block that the chain has replaced is a difference until the ledger says so", async () => {
  const world = await aUsedWorld();
  const [block] = await world.ledger.followedBlocks(0);
  world.confirmations.set(Buffer.from(block!.hash).toString("hex"), -1);
  const { code, out } = await world.run("recompute");
  expect(code).toBe(1);
  expect(out).toMatch(/^block [0-9a-f]{64}: state in the chain: database mature, recomputed none\n$/);
  await world.ledger.setBlockState(block!.hash, "orphaned", { confirmations: -1 });
  expect((await world.run("recompute")).code).toBe(0);
});

test("recompute waits for a serving pool to follow the chain", async () => {
  const world = await aUsedWorld();
  const [block] = await world.ledger.followedBlocks(0);
  let asked = 0;
  const chain = {
    confirmations: async (hash: Uint8Array) => {
      const isMoving = Buffer.compare(hash, block!.hash) === 0;
      // The pool notices after we did.
      if (isMoving && asked++ === 1)
        await world.ledger.setBlockState(hash, "orphaned", { confirmations: -1 });
      return isMoving ? -1 : world.context.chain.confirmations(hash);
    },
  };
  const io = { stdout: { write: () => true }, stderr: { write: () => true } };
  expect(await runLedger(["recompute"], { ...world.context, chain, settleMs: 30_000 }, io)).toBe(0);
});

test("a journal that lacks what the order log names is named", async () => {
  const world = await aUsedWorld();
  world.journals[0]!.lose(1, 200);
  await expect(world.run("recompute")).rejects.toMatchObject({ code: "LEDGER_JOURNAL_MISSING" });
});

test("a database restored from nothing is filled from the journals by the ingest, and recompute agrees", async () => {
  const world = await aUsedWorld();
  await world.ledger.close();
  const databaseUrl = await postgres.createDatabase();
  const { orderLogFile, openJournal } = world.context;
  const ledger = await openLedger({ databaseUrl, orderLogFile, log: silentLog });
  const ingest = startIngest({
    ...{ ledger, openJournal, log: silentLog, clock: systemClock, shareRetentionDays: 36_500, intervalMs: 0 },
  });
  for (const journal of world.journals) ingest.announce(journal.append(aShare()));
  await ingest.caughtUp();
  await ingest.stop();
  for (const { hash, state } of await old(world))
    await ledger.setBlockState(hash, state, { confirmations: 1 });
  await ledger.close();
  const io = { stdout: { write: () => true }, stderr: { write: () => true } };
  expect(await runLedger(["recompute"], { ...world.context, databaseUrl }, io)).toBe(0);
});

async function old({ context }: World) {
  return execute<{ hash: Buffer; state: "mature" }>(context.databaseUrl, "SELECT hash, state FROM blocks");
}

test("the command says what it does not understand, and that a database holds no ledger", async () => {
  const world = await aWorld();
  for (const args of [
    [],
    ["pay"],
    ["shares", "x"],
    ["statement"],
    ["statement", "a", "b"],
    ["balances", "--all"],
  ]) {
    expect(await world.run(...args)).toMatchObject({
      code: 2,
      err: expect.stringContaining("penstock ledger VERB"),
    });
  }
  expect(await world.run("--help")).toMatchObject({ code: 0, out: expect.stringContaining("recompute") });
  const empty = { ...world.context, databaseUrl: await postgres.createDatabase() };
  await expect(runLedger(["balances"], empty)).rejects.toMatchObject({ code: "LEDGER_NOT_MADE" });
  await rm(world.context.orderLogFile);
});
