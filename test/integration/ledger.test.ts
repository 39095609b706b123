import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { BlockRecord, JournalBatch } from "../../src/journal/record.ts";
import { type Ledger, openLedger } from "../../src/ledger/ledger.ts";
import { MemoryLedger } from "../../src/ledger/memory.ts";
import { openOrderLog } from "../../src/ledger/order-log.ts";
import { loadPplns } from "../../src/ledger/steps.ts";
import { until } from "../support/deadline.ts";
import {
  aBatch,
  aBlock,
  aHash,
  aShare,
  aSoloBlock,
  aStream,
  inBatches,
  random,
  startMs,
} from "../support/ledger-records.ts";
import { execute, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { silentLog } from "../support/silent-log.ts";
import { temporaryFolder } from "../support/temporary.ts";

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

interface Place {
  readonly url: string;
  readonly orderLogFile: string;
}

async function aPlace(server = postgres): Promise<Place> {
  const folder = await temporaryFolder("ledger");
  onTestFinished(folder.remove);
  return { url: await server.createDatabase(), orderLogFile: join(folder.path, "order.log") };
}

async function aLedger({ url, orderLogFile }: Place): Promise<Ledger> {
  const ledger = await openLedger({ databaseUrl: url, orderLogFile, log: silentLog, lockPatienceMs: 300 });
  onTestFinished(() => ledger.close());
  return ledger;
}

/** Everything that must be bit-equal, as plain values. */
async function stateOf(url: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const rows = async (text: string) => (await client.query(text)).rows;
    return {
      pplns: await loadPplns(client),
      works:
        await rows(`SELECT slice::int, address, work::text FROM pplns_works JOIN accounts ON accounts.id = account
                         ORDER BY slice, address COLLATE "C"`),
      blocks: await rows(
        `SELECT encode(hash, 'hex') AS hash, fee_sats::text, node, epoch::int, sequence::int
         FROM blocks ORDER BY node, epoch, sequence`,
      ),
      lines: await rows(`SELECT encode(block, 'hex') AS block, address, work::text, sats::text
                         FROM block_works JOIN accounts ON accounts.id = account
                         ORDER BY block, address COLLATE "C"`),
      shares: (await rows("SELECT count(*)::int AS count FROM shares"))[0]!.count as number,
      batches: await rows(
        "SELECT batch::int, node, epoch::int, first::int, last::int, checksum::text FROM batches ORDER BY 1",
      ),
    };
  } finally {
    await client.end();
  }
}

function inMemory(batches: readonly JournalBatch[]) {
  const ledger = new MemoryLedger();
  for (const batch of batches) ledger.apply(batch);
  const byHash = [...ledger.blocks].sort(([left], [right]) => (left < right ? -1 : 1));
  return {
    pplns: ledger.pplns,
    works: [...ledger.works]
      .sort(([left], [right]) => left - right)
      .flatMap(([slice, works]) =>
        [...works].sort().map(([address, work]) => ({ slice, address, work: work.toString() })),
      ),
    lines: byHash.flatMap(([block, { lines }]) =>
      lines.map(({ account, work, sats }) => ({ block, address: account, work: `${work}`, sats: `${sats}` })),
    ),
    shares: ledger.shares,
  };
}

async function applyAll(ledger: Ledger, batches: readonly JournalBatch[]): Promise<void> {
  for (const batch of batches) await ledger.apply(batch);
}

test("the database's PPLNS is the in-memory fold's, for random streams and batch borders", async () => {
  for (let seed = 1; seed <= 12; seed += 1) {
    const place = await aPlace();
    const ledger = await aLedger(place);
    const batches = inBatches(aStream(seed, 300), seed);
    await applyAll(ledger, batches);
    expect(await stateOf(place.url), `seed ${seed}`).toMatchObject(inMemory(batches));
    await ledger.close();
  }
});

describe("exactly once", () => {
  test("a batch that comes again, or half of which is new, counts once", async () => {
    const place = await aPlace();
    const ledger = await aLedger(place);
    const records = aStream(5, 100);
    expect(await ledger.apply(aBatch(records.slice(0, 60)))).toBe(60);
    expect(await ledger.apply(aBatch(records.slice(0, 60)))).toBe(0);
    expect(await ledger.apply(aBatch(records.slice(20), { first: 21 }))).toBe(40);
    expect(await stateOf(place.url)).toMatchObject(inMemory([aBatch(records)]));
    expect((await ledger.cursors()).get("0-1")).toEqual({ node: "0-1", epoch: 1, sequence: 100 });
  });

  test("a gap is refused, in an epoch and at the start of the next", async () => {
    const ledger = await aLedger(await aPlace());
    await ledger.apply(aBatch([aShare()]));
    await expect(ledger.apply(aBatch([aShare()], { first: 3 }))).rejects.toMatchObject({
      code: "LEDGER_GAP",
    });
    await expect(ledger.apply(aBatch([aShare()], { first: 2, epoch: 2 }))).rejects.toMatchObject({
      code: "LEDGER_GAP",
    });
    expect(await ledger.apply(aBatch([aShare()], { epoch: 2 }))).toBe(1);
    expect(await ledger.apply(aBatch([aShare(), aShare()]))).toBe(0);
  });

  test("share rows carry the record, to the bit and the millisecond", async () => {
    const place = await aPlace();
    const ledger = await aLedger(place);
    const share = aShare({ timeMs: startMs + 123, worker: "Käfer.1", protocol: "v2", block: true });
    await ledger.apply(aBatch([share]));
    const [row] = await execute(
      place.url,
      `SELECT hash, target, work::text, sequence::int, epoch::int, "time", address, workers.name, protocol, block
       FROM shares JOIN workers ON workers.id = worker JOIN accounts ON accounts.id = workers.account`,
    );
    expect(row).toEqual({
      hash: share.hash,
      target: Buffer.from(share.target.bytes),
      work: `${share.target.work}`,
      sequence: 1,
      epoch: 1,
      time: new Date(share.timeMs),
      address: "alice",
      name: "Käfer.1",
      protocol: 2,
      block: true,
    });
  });

  test("a second pool on the same database is refused", async () => {
    const place = await aPlace();
    await aLedger(place);
    const other = await temporaryFolder("ledger");
    onTestFinished(other.remove);
    await expect(aLedger({ ...place, orderLogFile: join(other.path, "order.log") })).rejects.toMatchObject({
      code: "LEDGER_BUSY",
    });
  });

  test("a server killed again and again in the middle of applying loses and doubles nothing", async () => {
    const mortal = await startPostgres();
    onTestFinished(mortal.stop);
    const place = await aPlace(mortal);
    const ledger = await aLedger(place);
    const batches = inBatches(aStream(77, 1500), 77, 60);
    const pick = random(78);
    let kills = 0;
    for (const [index, batch] of batches.entries()) {
      if (index % 10 === 5) {
        kills += 1;
        setTimeout(() => process.kill(mortal.server.pid, "SIGKILL"), pick(10));
      }
      await untilApplied(ledger, batch);
    }
    expect(kills).toBeGreaterThan(3);
    // The last kill may come after the last batch.
    const state = await until(() => stateOf(place.url), { timeoutMs: 30_000, what: "the server to be back" });
    expect(state).toMatchObject(inMemory(batches));
  });
});

function untilApplied(ledger: Ledger, batch: JournalBatch): Promise<unknown> {
  return until(
    async () => {
      try {
        await ledger.apply(batch);
        return true;
      } catch (error) {
        if ((error as { code?: string }).code === "DATABASE_UNAVAILABLE") return false;
        throw error;
      }
    },
    { timeoutMs: 60_000, what: "the killed server to be back" },
  );
}

describe("order", () => {
  test("a batch in the order log that was not committed must come next, and then comes out the same", async () => {
    const place = await aPlace();
    const [one, two, three] = inBatches(aStream(9, 90), 1, 30) as [JournalBatch, JournalBatch, JournalBatch];
    const first = await aLedger(place);
    await first.apply(one);
    await first.close();
    const log = await openOrderLog(place.orderLogFile);
    await log.append([log.entryFor(two)]); // as a crash before COMMIT leaves it
    await log.close();

    const ledger = await aLedger(place);
    expect(await ledger.pending()).toMatchObject({ node: "0-1", first: two.first, last: two.last });
    const stranger = aBatch([aShare()], { node: "0-2" });
    await expect(ledger.apply(stranger)).rejects.toMatchObject({ code: "LEDGER_OUT_OF_ORDER" });
    await ledger.apply(two);
    expect(await ledger.pending()).toBeUndefined();
    await ledger.apply(three);
    expect(await stateOf(place.url)).toMatchObject(inMemory([one, two, three]));
  });

  test("a database from an older backup takes the same batches in the same order, and ends bit-equal", async () => {
    const place = await aPlace();
    const streams = ["0-1", "0-2"].map((node, index) =>
      inBatches(aStream(20 + index, 200), index, 30).map((batch) => ({ ...batch, node })),
    );
    const pick = random(4);
    const batches: JournalBatch[] = [];
    while (streams.some((stream) => stream.length > 0)) {
      const next = streams[pick(2)]!.shift();
      if (next !== undefined) batches.push(next);
    }
    const ledger = await aLedger(place);
    await applyAll(ledger, batches.slice(0, 5));
    await ledger.close();
    const backup = await postgres.createDatabase(place.url);
    const going = await aLedger(place);
    await applyAll(going, batches.slice(5));
    await going.close();

    for (const url of [backup, await postgres.createDatabase()]) {
      const restored = await aLedger({ ...place, url });
      for (let due = await restored.pending(); due !== undefined; due = await restored.pending()) {
        const { node, first } = due;
        await restored.apply(batches.find((batch) => batch.node === node && batch.first === first)!);
      }
      expect(await stateOf(url)).toEqual(await stateOf(place.url));
      await restored.close();
    }
  });

  test("an order log that is lost or was restored is written again from the database", async () => {
    const place = await aPlace();
    const batches = inBatches(aStream(31, 200), 2, 20);
    const ledger = await aLedger(place);
    await applyAll(ledger, batches.slice(0, 4));
    await copyFile(place.orderLogFile, `${place.orderLogFile}.old`);
    await applyAll(ledger, batches.slice(4));
    await ledger.close();
    const lost = { ...place, orderLogFile: `${place.orderLogFile}.new` };
    const old = { ...place, orderLogFile: `${place.orderLogFile}.old` };
    for (const { url, orderLogFile } of [lost, old]) {
      await (await aLedger({ url, orderLogFile })).close();
      const [here, there] = await Promise.all(
        [orderLogFile, place.orderLogFile].map((file) => openOrderLog(file)),
      );
      expect(here!.last).toEqual(there!.last);
      await Promise.all([here!.close(), there!.close()]);
    }
  });

  test("an order log of another pool is refused", async () => {
    const [mine, other] = [await aPlace(), await aPlace()];
    for (const [index, place] of [mine, other].entries()) {
      const ledger = await aLedger(place);
      await ledger.apply(aBatch([aShare()], { node: `${index}-1` }));
      await ledger.close();
    }
    await expect(aLedger({ ...mine, orderLogFile: other.orderLogFile })).rejects.toMatchObject({
      code: "ORDER_LOG_CONFLICT",
    });
  });
});

describe("blocks in the books", () => {
  const hash = aHash("found");

  async function withBlock(block: BlockRecord = aBlock({ hash, rewardSats: 1001n })) {
    const place = await aPlace();
    const ledger = await aLedger(place);
    const records = [aShare({ account: "alice" }), aShare({ account: "bob" }), block];
    await ledger.apply(aBatch(records));
    const balances = async () => {
      const rows = await execute<{ kind: string; address: string | null; sats: string }>(
        place.url,
        `SELECT kind, address, sum(sats)::text AS sats FROM entries
         JOIN ledger_accounts ON ledger_accounts.id = ledger_account
         LEFT JOIN accounts ON accounts.id = ledger_accounts.account
         GROUP BY kind, address HAVING sum(sats) <> 0 ORDER BY kind, address`,
      );
      return rows.map(({ kind, address, sats }) => `${kind} ${address ?? ""} ${sats}`);
    };
    const movements = async () =>
      (await execute<{ kind: string }>(place.url, "SELECT kind FROM movements ORDER BY number")).map(
        ({ kind }) => kind,
      );
    return { place, ledger, balances, movements };
  }

  const immature = ["chain  -1001", "fee-immature  10", "miner-immature alice 496", "miner-immature bob 495"];
  const payable = ["chain  -1001", "fee-payable  10", "miner-payable alice 496", "miner-payable bob 495"];

  test("a block is credited as immature, becomes payable, and is reversed exactly when orphaned, and back", async () => {
    const { ledger, balances, movements } = await withBlock();
    expect(await ledger.followedBlocks(0)).toEqual([{ hash, height: 100, state: "candidate" }]);
    await ledger.setBlockState(hash, "submitted", { confirmations: 0 });
    expect(await balances()).toEqual([]);
    await ledger.setBlockState(hash, "immature", { confirmations: 1 });
    expect(await balances()).toEqual(immature);
    await ledger.setBlockState(hash, "immature", { confirmations: 50 });
    await ledger.setBlockState(hash, "mature", { confirmations: 100 });
    expect(await balances()).toEqual(payable);
    await ledger.setBlockState(hash, "orphaned", { confirmations: -1, reason: "replaced" });
    expect(await balances()).toEqual([]);
    await ledger.setBlockState(hash, "immature", { confirmations: 3 });
    expect(await balances()).toEqual(immature);
    await ledger.setBlockState(hash, "mature", { confirmations: 120 });
    await ledger.setBlockState(hash, "immature", { confirmations: 99 });
    expect(await balances()).toEqual(immature);
    expect(await movements()).toEqual([
      ...["credit", "mature", "unmature", "reverse", "credit", "mature", "unmature"],
    ]);
    expect((await ledger.followedBlocks(100))[0]).toMatchObject({ state: "immature" });
    expect(await ledger.countBlocks()).toEqual(new Map([["immature", 1]]));
    expect(await ledger.followedBlocks(101)).toEqual([]);
  });

  test("a block found while the pool was away for its whole life becomes payable at once", async () => {
    const { ledger, balances } = await withBlock();
    await ledger.setBlockState(hash, "mature", { confirmations: 500 });
    expect(await balances()).toEqual(payable);
  });

  test("of a solo block only the pool's fee is booked, and reversed exactly when the block is orphaned", async () => {
    const { ledger, balances, movements } = await withBlock(
      aSoloBlock({ hash, account: "alice", rewardSats: 1001n, feeSats: 10n }),
    );
    await ledger.setBlockState(hash, "immature", { confirmations: 1 });
    expect(await balances()).toEqual(["chain  -10", "fee-immature  10"]);
    await ledger.setBlockState(hash, "mature", { confirmations: 100 });
    expect(await balances()).toEqual(["chain  -10", "fee-payable  10"]);
    await ledger.setBlockState(hash, "orphaned", { confirmations: -1 });
    expect(await balances()).toEqual([]);
    expect(await movements()).toEqual(["credit", "mature", "unmature", "reverse"]);
  });

  test("a solo block without a fee moves nothing, and still goes through all its states", async () => {
    const { ledger, movements } = await withBlock(aSoloBlock({ hash, feeSats: 0n }));
    for (const state of ["immature", "mature", "orphaned", "immature"] as const)
      await ledger.setBlockState(hash, state, { confirmations: 1 });
    expect(await movements()).toEqual([]);
    expect(await ledger.countBlocks()).toEqual(new Map([["immature", 1]]));
  });

  test("two changes at once do not book twice", async () => {
    const { ledger, balances } = await withBlock();
    await Promise.all(
      Array.from({ length: 5 }, () => ledger.setBlockState(hash, "immature", { confirmations: 1 })),
    );
    expect(await balances()).toEqual(immature);
  });

  test("a block whose record has not come yet is refused by name", async () => {
    const ledger = await aLedger(await aPlace());
    await expect(ledger.setBlockState(hash, "immature", { confirmations: 1 })).rejects.toMatchObject({
      code: "LEDGER_BLOCK_UNKNOWN",
    });
  });

  test("the database refuses an unbalanced movement, an empty one, and any change of what is booked", async () => {
    const { place, ledger } = await withBlock();
    await ledger.setBlockState(hash, "mature", { confirmations: 100 });
    const movement = "INSERT INTO movements (kind, block, number) VALUES ('credit', $1, 9) RETURNING id";
    const attempts = [
      "INSERT INTO entries SELECT 1, id, 1 FROM ledger_accounts WHERE kind = 'fee-payable'",
      `WITH made AS (${movement}) INSERT INTO entries SELECT id, 1, 5 FROM made`,
      `WITH made AS (${movement}) INSERT INTO entries SELECT id, n, n FROM made, generate_series(1, 2) n`,
      movement,
      "UPDATE entries SET sats = sats + 1",
      "DELETE FROM entries",
      "DELETE FROM movements",
      "TRUNCATE entries CASCADE",
      "UPDATE batches SET last = last + 1",
    ];
    for (const text of attempts) {
      const values = text.includes("$1") ? [hash] : [];
      await expect(execute(place.url, text, values), text).rejects.toMatchObject({
        code: expect.stringMatching(/^(23514|23001)$/),
      });
    }
  });
});

test("whole days of shares are dropped after their retention, also while a reader looks at others", async () => {
  const place = await aPlace();
  const ledger = await aLedger(place);
  const day = 86_400_000;
  await ledger.apply(aBatch([0, 1, 2].map((days) => aShare({ timeMs: startMs + days * day }))));
  expect(await ledger.dropSharesBefore(startMs + 2 * day)).toBe(2);
  const rows = await execute(place.url, 'SELECT "time" FROM shares');
  expect(rows).toEqual([{ time: new Date(startMs + 2 * day) }]);
});

test("a long read of the shares does not hold up new ones of a new day", async () => {
  const place = await aPlace();
  const ledger = await aLedger(place);
  await ledger.apply(aBatch([aShare()]));
  const reader = new pg.Client({ connectionString: place.url });
  await reader.connect();
  onTestFinished(() => reader.end());
  await reader.query("BEGIN; SELECT * FROM shares");
  expect(await ledger.apply(aBatch([aShare({ timeMs: startMs + 86_400_000 })], { first: 2 }))).toBe(1);
});
