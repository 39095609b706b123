import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { runLedger } from "../../src/cli/ledger.ts";
import type { LedgerContext } from "../../src/cli/ledger-context.ts";
import { systemClock } from "../../src/clock.ts";
import { startIngest } from "../../src/ledger/ingest.ts";
import { type Ledger, openLedger } from "../../src/ledger/ledger.ts";
import { aBlock, aHash, aShare, aStream, MemoryJournal } from "../support/ledger-records.ts";
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
    "SELECT sum(reward_sats) AS sats FROM blocks WHERE state IN ('immature', 'mature')",
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

test("shares are printed as the contract says, in the order of positions", async () => {
  const world = await aWorld();
  const share = aShare({
    hash: aHash("one"),
    account: "bc1qexample",
    worker: "rig.2",
    protocol: "v2",
    block: true,
  });
  world.journals[1]!.append(share, aBlock(), aShare());
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
    node: "0-2",
    epoch: 1,
    sequence: 1,
    time: "2026-01-15T12:00:00.000Z",
  });
  expect(JSON.parse(lines[1]!)).toMatchObject({ sequence: 3 });
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
      window_thousandths, window_work, fee_sats, found_at, account, worker, 'x', 9, 9 FROM blocks LIMIT 1`,
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
