import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { runLedger } from "../../src/cli/ledger.ts";
import type { Clock } from "../../src/clock.ts";
import { parseConfig } from "../../src/config/index.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { keptCheckpoints } from "../../src/ledger/index.ts";
import { createMetrics } from "../../src/metrics/index.ts";
import { type Books, openBooks } from "../../src/pool/books.ts";
import { journalsIn } from "../../src/pool/journals-in.ts";
import { until } from "../support/deadline.ts";
import { addon, commit, openTestJournal } from "../support/journal.ts";
import { aShare, aStream } from "../support/ledger-records.ts";
import { execute, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { launch } from "../support/processes.ts";
import { silentLog } from "../support/silent-log.ts";
import { temporaryFolder } from "../support/temporary.ts";

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

const dayMs = 86_400_000;

interface World {
  readonly folder: string;
  readonly journals: string;
  readonly orderLogFile: string;
  databaseUrl: string;
  /** What the chain says of every block. */
  confirmations: number | undefined;
  /** A pool's books, which go on until `close`. */
  open(): Promise<Books>;
  /** Records that one worker after the other wrote, in segments of 4 KiB. */
  write(...streams: readonly (readonly JournalRecord[])[]): Promise<void>;
  /** Opens the books, has everything applied, acts and closes them. */
  during(act: (books: Books) => Promise<void>): Promise<void>;
  /** Lets days go by. */
  advance(days: number): void;
  recompute(databaseUrl?: string): Promise<{ code: number; out: string; err: string }>;
  segments(): Promise<string[]>;
  checkpoints(): Promise<number[]>;
}

async function aWorld(): Promise<World> {
  const temporary = await temporaryFolder("books");
  onTestFinished(temporary.remove);
  const folder = temporary.path;
  const journals = join(folder, "journal");
  const orderLogFile = join(journals, "order.log");
  let aheadMs = 0;
  const clock: Clock = { wallMs: () => Date.now() + aheadMs, monotonicMs: () => performance.now() + aheadMs };
  const world: World = {
    ...{ folder, journals, orderLogFile },
    databaseUrl: await postgres.createDatabase(),
    confirmations: undefined,
    open: () =>
      openBooks({
        config: configOf(folder, world.databaseUrl),
        ...{ addon, clock, log: silentLog, metrics: createMetrics({ process: "test" }), onBlock: () => {} },
      }),
    write: async (...streams) => {
      for (const [index, stream] of streams.entries()) {
        const node = `0-${(index % 2) + 1}`;
        const journal = await openTestJournal(join(journals, node), { node });
        for (let at = 0; at < stream.length; at += 20) await commit(journal, stream.slice(at, at + 20));
        await journal.close();
      }
    },
    during: async (act) => {
      const books = await world.open();
      try {
        await books.recoverWithout(0);
        await until(() => books.caughtUp, { timeoutMs: 20_000, what: "the ledger to have everything" });
        await act(books);
      } finally {
        await books.close();
      }
    },
    advance: (days) => {
      aheadMs += days * dayMs;
    },
    recompute: async (databaseUrl = world.databaseUrl) => {
      const [out, err] = [[] as string[], [] as string[]];
      const io = {
        stdout: { write: (text: string) => void out.push(text) },
        stderr: { write: (text: string) => void err.push(text) },
      };
      const openJournal = journalsIn(journals, addon);
      const chain = { confirmations: async () => world.confirmations };
      const context = { databaseUrl, orderLogFile, openJournal, chain, settleMs: 0 };
      const code = await runLedger(["recompute"], context, io);
      return { code, out: out.join(""), err: err.join("") };
    },
    segments: async () => {
      const all = await readdir(journals, { recursive: true });
      return all.filter((name) => name.endsWith(".wal")).sort();
    },
    checkpoints: async () => (await keptCheckpoints(orderLogFile)).map(({ batch }) => batch),
  };
  return world;
}

function configOf(folder: string, databaseUrl: string) {
  const text = JSON.stringify({
    chain: "regtest",
    nodes: [{ rpc: "http://127.0.0.1:1", user: "a", password: "b" }],
    dataDirectory: "./",
    database: { url: databaseUrl },
    pool: { address: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080" },
    journal: { directory: "./journal", retentionDays: 30 },
    ledger: { shareRetentionDays: 36_500, batchRecords: 50 },
  });
  const parsed = parseConfig(text, folder, {});
  if (!("config" in parsed)) throw new Error(JSON.stringify(parsed));
  return parsed.config;
}

/** Applied, checkpointed on two days, and past its retention: ready to be pruned. */
async function aCoveredWorld(): Promise<World> {
  const world = await aWorld();
  await world.write(aStream(61, 200), aStream(62, 200));
  await world.during((books) => books.keepCheckpoints());
  world.advance(2);
  await world.write(aStream(63, 200), aStream(64, 200));
  await world.during((books) => books.keepCheckpoints());
  world.advance(60);
  await world.write([aShare()], [aShare()]);
  return world;
}

async function aPrunedWorld(): Promise<World> {
  const world = await aCoveredWorld();
  const before = await world.segments();
  await world.during(async (books) => {
    await books.keepCheckpoints();
    await books.pruneJournals();
  });
  expect((await world.segments()).length).toBeLessThan(before.length / 2);
  expect(await world.segments()).not.toContain(before[0]);
  return world;
}

test("recompute finds no difference after the first segments are gone, and says where it began", async () => {
  const world = await aPrunedWorld();
  const [newest] = await world.checkpoints();
  expect(await world.recompute()).toEqual({
    code: 0,
    out: "",
    err: expect.stringMatching(
      `^\\d+ batches \\(\\d+ from the journals, ${newest} from a checkpoint of them\\), \\d+ shares, \\d+ blocks recomputed: no differences\n$`,
    ),
  });
  await world.write(aStream(65, 100));
  await world.during(async () => {});
  expect((await world.recompute()).code).toBe(0);
});

// Each in a block or share that only the checkpoint knows any more.
const tampering: Record<string, string> = {
  "a satoshi in a credit": `UPDATE block_works SET sats = sats + 1 WHERE ctid = (SELECT min(ctid) FROM block_works)`,
  "a satoshi moved from one miner to another": `
    UPDATE entries SET sats = sats + CASE WHEN ledger_account = low THEN 1 ELSE -1 END
    FROM (SELECT movement AS victim, min(ledger_account) AS low, max(ledger_account) AS high FROM entries
          WHERE sats > 1 GROUP BY movement HAVING count(*) > 1 ORDER BY movement LIMIT 1) AS pair
    WHERE movement = victim AND ledger_account IN (low, high)`,
  "a block's fee":
    "UPDATE blocks SET fee_sats = fee_sats - 1 WHERE ctid = (SELECT min(ctid) FROM blocks WHERE fee_sats > 0)",
  "a block that is missing": "DELETE FROM blocks WHERE ctid = (SELECT min(ctid) FROM blocks)",
  "the work of one share": "UPDATE shares SET work = work + 1 WHERE sequence = 17",
  "a share that is missing": "DELETE FROM shares WHERE sequence = 18",
  "one unit of work in a slice":
    "UPDATE pplns_works SET work = work + 1 WHERE slice = (SELECT min(slice) FROM pplns_works)",
};

test("recompute names every kind of tampering with what is no longer in the journals, down to a satoshi", async () => {
  const world = await aPrunedWorld();
  await world.during(async ({ blocks }) => {
    for (const { hash } of await blocks.followedBlocks(0)) {
      await blocks.setBlockState(hash, "immature", { confirmations: 1 });
    }
  });
  world.confirmations = 1;
  expect(await world.recompute()).toMatchObject({ code: 0, out: "" });
  for (const [what, text] of Object.entries(tampering)) {
    const databaseUrl = await postgres.createDatabase(world.databaseUrl);
    await execute(databaseUrl, `SET session_replication_role = replica; ${text}`);
    const { code, out } = await world.recompute(databaseUrl);
    expect(code, what).toBe(1);
    expect(out, what).toMatch(/: database .+, recomputed .+\n/);
  }
});

test("no segment goes that two checkpoints do not stand for, however old it is", async () => {
  const world = await aWorld();
  await world.write(aStream(66, 200));
  world.advance(100);
  const all = await world.segments();
  await world.during(async (books) => {
    await books.pruneJournals();
    await books.keepCheckpoints();
    await books.pruneJournals();
    expect(await world.segments()).toEqual(all);
    expect(await world.checkpoints()).toHaveLength(1);
  });
  // One more share makes the second one possible, and the waiting segments make it due at once.
  await world.write([aShare()]);
  await world.during(async (books) => {
    await books.keepCheckpoints();
    await books.pruneJournals();
    await books.keepCheckpoints();
    expect(await world.checkpoints()).toHaveLength(2);
    await books.pruneJournals();
    expect((await world.segments()).length).toBeLessThan(all.length);
  });
  expect((await world.recompute()).code).toBe(0);
});

test("a damaged checkpoint is named, and the one before it leads to the same books", async () => {
  const world = await aPrunedWorld();
  const [kept] = await keptCheckpoints(world.orderLogFile);
  const bytes = await readFile(kept!.file);
  bytes[bytes.length >> 1]! ^= 1;
  await writeFile(kept!.file, bytes);
  const { code, out, err } = await world.recompute();
  expect({ code, out }).toEqual({ code: 0, out: "" });
  expect(err).toContain(`${kept!.file} is damaged`);
  expect(err).toContain("[CHECKPOINT_DAMAGED]");
  // Nothing is pruned on one checkpoint alone; the next one makes it two again.
  const segments = await world.segments();
  world.advance(100);
  await world.write([aShare()]);
  await world.during(async (books) => {
    await books.keepCheckpoints();
    expect(await world.checkpoints()).toHaveLength(2);
  });
  expect((await world.segments()).length).toBeGreaterThanOrEqual(segments.length);
  expect(await world.recompute()).toMatchObject({ code: 0, out: "" });
});

test("with both checkpoints gone recompute says what is missing, and pruning stops", async () => {
  const world = await aPrunedWorld();
  for (const { file } of await keptCheckpoints(world.orderLogFile)) await rm(file);
  await expect(world.recompute()).rejects.toMatchObject({ code: "JOURNAL_GAP" });
  const segments = await world.segments();
  world.advance(100);
  await world.during(async (books) => {
    await expect(books.keepCheckpoints()).rejects.toMatchObject({ code: "JOURNAL_GAP" });
    await books.pruneJournals();
  });
  expect(await world.segments()).toEqual(segments);
});

test("after a kill between checkpoint and pruning the next start prunes, and nothing is lost", async () => {
  const world = await aCoveredWorld();
  const all = await world.segments();
  await world.during((books) => books.keepCheckpoints());
  expect(await world.segments()).toEqual(all);
  expect((await world.recompute()).code).toBe(0);
  await world.during(async (books) => {
    await books.pruneJournals(); // before the checkpoints were looked at: nothing may go yet
    expect(await world.segments()).toEqual(all);
    await books.keepCheckpoints();
    await books.pruneJournals();
  });
  expect((await world.segments()).length).toBeLessThan(all.length);
  expect((await world.recompute()).code).toBe(0);
});

test("a checkpoint is whole or not there, whenever the one who makes it is killed", async () => {
  const world = await aWorld();
  await world.write(aStream(67, 300), aStream(68, 300));
  let batches = 0;
  await world.during(async () => {
    const [row] = await execute<{ n: string }>(world.databaseUrl, "SELECT max(batch) AS n FROM batches");
    batches = Number(row!.n);
  });
  const program = resolve(import.meta.dirname, "../support/checkpoint-process.ts");
  const args = ["--import", "tsx", program, world.orderLogFile, world.journals, String(batches), "60"];
  for (let kill = 1; kill <= 4; kill += 1) {
    const maker = launch({ name: "checkpoints", file: process.execPath, args });
    await maker.waitForLine(kill === 4 ? /^done/ : new RegExp(`^batch ${kill}$`));
    await maker.kill();
    const sound: string[] = [];
    await keptCheckpoints(world.orderLogFile, ({ code }) => void sound.push(code));
    expect(sound).toEqual([]);
    expect((await world.recompute()).code).toBe(0);
  }
  expect((await world.checkpoints())[0]).toBe(batches);
});

test("a database from before the checkpoints is brought up to date from the journals, and then recomputed", async () => {
  const world = await aWorld();
  await world.write(aStream(69, 200));
  await world.during(async () => {});
  const backup = await postgres.createDatabase(world.databaseUrl);
  await world.write(aStream(70, 200), aStream(71, 200));
  await world.during((books) => books.keepCheckpoints());
  expect(await world.recompute(backup)).toMatchObject({ code: 0 });
  world.databaseUrl = backup;
  await world.during((books) => books.keepCheckpoints());
  const [newest] = await world.checkpoints();
  expect(await world.recompute()).toMatchObject({
    code: 0,
    err: expect.stringContaining(`${newest} from a check`),
  });
});

test("a database that ends before the checkpoints, with the journals gone, is named as such", async () => {
  const world = await aWorld();
  await world.write(aStream(69, 20));
  await world.during(async () => {});
  const backup = await postgres.createDatabase(world.databaseUrl);
  await world.write(aStream(61, 200), aStream(62, 200));
  await world.during((books) => books.keepCheckpoints());
  world.advance(2);
  await world.write(aStream(63, 200), aStream(64, 200));
  await world.during((books) => books.keepCheckpoints());
  world.advance(60);
  await world.during((books) => books.keepCheckpoints().then(() => books.pruneJournals()));
  await expect(world.recompute(backup)).rejects.toMatchObject({ code: "LEDGER_BEFORE_CHECKPOINT" });
});
