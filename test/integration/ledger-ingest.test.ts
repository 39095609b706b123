import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { PoolError } from "../../src/errors.ts";
import { headerBytes, recordBytes } from "../../src/journal/format.ts";
import type { JournalRecord, Position } from "../../src/journal/index.ts";
import { type Ingest, type IngestOptions, startIngest } from "../../src/ledger/ingest.ts";
import type { OpenJournal } from "../../src/ledger/journal-source.ts";
import { type Ledger, openLedger } from "../../src/ledger/ledger.ts";
import { openOrderLog } from "../../src/ledger/order-log.ts";
import type { LogFields } from "../../src/log/index.ts";
import { journalsIn } from "../../src/pool/journals-in.ts";
import { until } from "../support/deadline.ts";
import { addon, commit, openTestJournal } from "../support/journal.ts";
import { aShare, aStream, MemoryJournal } from "../support/ledger-records.ts";
import { execute, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { silentLog } from "../support/silent-log.ts";
import { temporaryFolder } from "../support/temporary.ts";

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

async function aLedger() {
  const folder = await temporaryFolder("ingest");
  onTestFinished(folder.remove);
  const url = await postgres.createDatabase();
  const orderLogFile = join(folder.path, "order.log");
  const open = async () => {
    const ledger = await openLedger({ databaseUrl: url, orderLogFile, log: silentLog });
    onTestFinished(() => ledger.close());
    return ledger;
  };
  return { url, orderLogFile, open, ledger: await open() };
}

function ingestOf(
  ledger: Ledger,
  journals: readonly MemoryJournal[],
  options: Partial<IngestOptions> = {},
): Ingest {
  const ingest = startIngest({
    ledger,
    openJournal: async (node) => journals.find((journal) => journal.node === node)!,
    log: silentLog,
    clock: systemClock,
    shareRetentionDays: 36_500,
    intervalMs: 1,
    ...options,
  });
  onTestFinished(() => ingest.stop());
  return ingest;
}

function shares(count: number) {
  return Array.from({ length: count }, () => aShare());
}

async function countOf(url: string): Promise<number> {
  return (await execute<{ count: number }>(url, "SELECT count(*)::int AS count FROM shares"))[0]!.count;
}

test("journals are applied as far as they are announced, and no further", async () => {
  const { url, ledger } = await aLedger();
  const journals = [new MemoryJournal("0-1"), new MemoryJournal("0-2")];
  const ingest = ingestOf(ledger, journals);
  ingest.announce(journals[0]!.append(...shares(10)));
  const end = journals[1]!.append(...shares(10));
  ingest.announce({ ...end, sequence: 4 });
  await ingest.caughtUp();
  expect(await countOf(url)).toBe(14);
  ingest.announce(end);
  ingest.announce({ ...end, sequence: 2 }); // late: no news
  await ingest.caughtUp();
  expect(await countOf(url)).toBe(20);
});

test("a journal that was opened again goes on in its new epoch after the rest of the old one", async () => {
  const { url, ledger } = await aLedger();
  const journal = new MemoryJournal("0-1");
  journal.append(...shares(5));
  journal.reopen();
  journal.reopen();
  const ingest = ingestOf(ledger, [journal]);
  ingest.announce(journal.end); // nothing in this epoch yet
  await ingest.caughtUp();
  expect(await countOf(url)).toBe(5);
  ingest.announce(journal.append(...shares(2)));
  await ingest.caughtUp();
  expect(await countOf(url)).toBe(7);
  expect((await ledger.cursors()).get("0-1")).toMatchObject({ epoch: 3, sequence: 2 });
});

test("a full batch that waits is applied without a rest", { timeout: 15_000 }, async () => {
  const { url, ledger } = await aLedger();
  const journal = new MemoryJournal("0-1");
  const ingest = ingestOf(ledger, [journal], { maxRecords: 30, intervalMs: 3_600_000 });
  ingest.announce(journal.append(...shares(90)));
  await ingest.caughtUp();
  expect(await countOf(url)).toBe(90);
  ingest.announce(journal.append(...shares(30)));
  await ingest.caughtUp();
  expect(await countOf(url)).toBe(120);
});

test("the lag says how many durable records are not in the books, and is 0 when all are", async () => {
  const { ledger } = await aLedger();
  const journal = new MemoryJournal("0-1");
  const seen: number[] = [];
  const applied: number[] = [];
  const metrics = {
    lagRecords: { set: (records: number) => seen.push(records) },
    appliedShares: { inc: (shares: number) => applied.push(shares) },
  };
  const ingest = ingestOf(ledger, [journal], { metrics, maxRecords: 30 });
  ingest.announce(journal.append(...shares(100)));
  await ingest.caughtUp();
  expect(applied).toEqual([30, 30, 30, 10]);
  expect(seen.slice(1)).toEqual([70, 40, 10, 0]);
});

test("while Postgres is away the lag grows, it is said once, and everything is applied when it is back", async () => {
  const mortal = await startPostgres();
  onTestFinished(mortal.stop);
  const folder = await temporaryFolder("ingest");
  onTestFinished(folder.remove);
  const url = await mortal.createDatabase();
  const ledger = await openLedger({
    databaseUrl: url,
    orderLogFile: join(folder.path, "order.log"),
    log: silentLog,
  });
  onTestFinished(() => ledger.close());
  const journal = new MemoryJournal("0-1");
  const events: string[] = [];
  const note = ({ event }: LogFields) => void events.push(event);
  const ingest = ingestOf(ledger, [journal], { log: { ...silentLog, error: note, info: note } });
  ingest.announce(journal.append(...shares(10)));
  await ingest.caughtUp();

  process.kill(mortal.server.pid, "SIGKILL");
  await until(
    () => {
      ingest.announce(journal.append(...shares(10)));
      return ingest.trouble;
    },
    { timeoutMs: 20_000, what: "the ingest to notice" },
  );
  expect(ingest.trouble).toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  expect(ingest.lagRecords).toBeGreaterThan(0);
  expect(ingest.lagSeconds).toBeGreaterThan(0);
  await ingest.caughtUp();
  expect(ingest.lagSeconds).toBe(0);
  await until(() => ingest.trouble === undefined, { timeoutMs: 5_000, what: "all to be well" });
  expect(await countOf(url)).toBe(journal.end.sequence);
  expect(events).toEqual(["ledger-apply-failed", "ledger-apply-resumed"]);
});

test("batches that only the order log has are read from their journals before anything new", async () => {
  const { url, orderLogFile, open, ledger } = await aLedger();
  await ledger.close();
  const journals = [new MemoryJournal("0-1"), new MemoryJournal("0-2")];
  for (const journal of journals) journal.append(...shares(20));
  const log = await openOrderLog(orderLogFile);
  for (const range of [
    { node: "0-2", epoch: 1, first: 1, last: 7 },
    { node: "0-1", epoch: 1, first: 1, last: 3 },
  ]) {
    await log.append([log.entryFor(range)]);
  }
  await log.close();
  const ingest = ingestOf(await open(), journals);
  ingest.announce(journals[0]!.end);
  await ingest.caughtUp();
  const batches = await execute(url, "SELECT node, first::int, last::int FROM batches ORDER BY batch");
  expect(batches).toEqual([
    { node: "0-2", first: 1, last: 7 },
    { node: "0-1", first: 1, last: 3 },
    { node: "0-1", first: 4, last: 20 },
  ]);
});

test("a journal that cannot be read is named and tried again, and holds up no other", async () => {
  const { url, ledger } = await aLedger();
  const [bad, good] = [new MemoryJournal("0-1"), new MemoryJournal("0-2")];
  let broken = true;
  const ingest = ingestOf(ledger, [], {
    openJournal: async (node) => {
      if (node === "0-2") return good;
      if (broken) throw new PoolError("JOURNAL_UNREADABLE", "It cannot be read.", "Look.");
      return bad;
    },
  });
  ingest.announce(bad.append(...shares(3)));
  ingest.announce(good.append(...shares(4)));
  await until(async () => ingest.trouble && (await countOf(url)) === 4, {
    timeoutMs: 9_000,
    what: "the other",
  });
  expect(ingest.trouble).toMatchObject({ code: "JOURNAL_UNREADABLE" });
  broken = false;
  await ingest.caughtUp();
  expect(await countOf(url)).toBe(7);
});

test("a journal that was begun anew beside a database that has more of it is refused by name", async () => {
  const { url, ledger } = await aLedger();
  const journal = new MemoryJournal("0-1");
  journal.reopen();
  journal.reopen();
  const first = ingestOf(ledger, [journal]);
  first.announce(journal.append(...shares(5)));
  await first.caughtUp();
  await first.stop();
  const anew = new MemoryJournal("0-1");
  const second = ingestOf(ledger, [anew]);
  second.announce(anew.append(...shares(9)));
  await until(() => second.trouble, { timeoutMs: 5_000, what: "trouble" });
  expect(second.trouble).toMatchObject({ code: "LEDGER_AHEAD_OF_JOURNAL" });
  expect(second.lagRecords).toBeGreaterThan(0);
  expect(await countOf(url)).toBe(5);
});

test("stopping lets the batch under way end, and whoever waits goes on", async () => {
  const { url, ledger } = await aLedger();
  const journal = new MemoryJournal("0-1");
  const ingest = ingestOf(ledger, [journal], { maxRecords: 10 });
  ingest.announce(journal.append(...shares(5_000)));
  const waiting = ingest.caughtUp();
  await until(() => ingest.lagRecords < 5_000, { timeoutMs: 10_000, what: "the first batch", intervalMs: 1 });
  await ingest.stop();
  await waiting;
  const count = await countOf(url);
  expect(count).toBeLessThan(5_000);
  expect((await ledger.cursors()).get("0-1")).toMatchObject({ sequence: count });
});

test("shares past their retention are dropped when the ingest starts", async () => {
  const { url, ledger } = await aLedger();
  const journal = new MemoryJournal("0-1");
  const first = ingestOf(ledger, [journal]);
  first.announce(journal.append(aShare(), aShare({ timeMs: Date.now() })));
  await first.caughtUp();
  await first.stop();
  const second = ingestOf(ledger, [journal], { shareRetentionDays: 2 });
  second.announce(journal.append(aShare({ timeMs: Date.now() })));
  await second.caughtUp();
  expect(await countOf(url)).toBe(2);
});

/** A journal on disk of many small segments and two epochs, and where it ends. */
async function aJournalOnDisk(records: readonly JournalRecord[]) {
  const folder = await temporaryFolder("ingest-journal");
  onTestFinished(folder.remove);
  const directory = join(folder.path, "0-1");
  const half = Math.floor(records.length / 2);
  let end: Position | undefined;
  for (const part of [records.slice(0, half), records.slice(half)]) {
    const journal = await openTestJournal(directory, { segmentBytes: 65_536 });
    for (let at = 0; at < part.length; at += 100) await commit(journal, part.slice(at, at + 100));
    end = journal.committed;
    await journal.close();
  }
  return { folder: folder.path, directory, end: end! };
}

/** Every reader's records as objects: the reference. */
function asObjects(open: OpenJournal): OpenJournal {
  return async (node) => {
    const reader = await open(node);
    return { next: (...range) => reader.next(...range), close: () => reader.close() };
  };
}

/** All that follows from the records, in words; ids are the same where names come up in the same order. */
async function booksOf(url: string) {
  const tables = {
    shares: `SELECT encode(hash, 'hex') AS hash, encode(target, 'hex') AS target, work, sequence, epoch, "time", name,
                    address, journal, protocol, block
             FROM shares JOIN workers ON workers.id = worker JOIN accounts ON accounts.id = account
             ORDER BY journal, epoch, sequence`,
    slices: "SELECT * FROM pplns_slices ORDER BY id",
    works:
      "SELECT slice, address, work FROM pplns_works JOIN accounts ON id = account ORDER BY slice, address",
    state: "SELECT * FROM pplns_state",
    blocks: "SELECT * FROM blocks ORDER BY epoch, sequence",
    blockWorks: `SELECT block, address, work, sats FROM block_works JOIN accounts ON id = account
                 ORDER BY block, address`,
    cursors: "SELECT * FROM journal_cursors",
  };
  const books: Record<string, unknown[]> = {};
  for (const [name, text] of Object.entries(tables)) books[name] = await execute(url, text);
  return books;
}

test("a journal read natively gives the books that its records as objects give, wherever batches end", async () => {
  const { folder, end } = await aJournalOnDisk(aStream(4, 1_500));
  const reference = await aLedger();
  const first = ingestOf(reference.ledger, [], { openJournal: asObjects(journalsIn(folder, addon)) });
  first.announce(end);
  await first.caughtUp();
  const expected = await booksOf(reference.url);
  expect(expected["shares"]!.length).toBeGreaterThan(1_300);
  expect(expected["blocks"]!.length).toBeGreaterThan(30);
  for (const maxRecords of [10_000, 77]) {
    const { url, ledger } = await aLedger();
    const ingest = ingestOf(ledger, [], { openJournal: journalsIn(folder, addon), maxRecords });
    ingest.announce(end);
    await ingest.caughtUp();
    expect(await booksOf(url)).toEqual(expected);
  }
});

test("batches that only the order log has are read natively too, exactly so, long names or not", async () => {
  const { url, orderLogFile, open, ledger } = await aLedger();
  await ledger.close();
  const account = "long-".repeat(50);
  const records = aStream(5, 1_000).map((record) => ({ ...record, account, worker: account }));
  const { folder, end } = await aJournalOnDisk(records);
  const log = await openOrderLog(orderLogFile);
  for (const [first, last] of [
    [1, 90],
    [91, 92],
    [93, 400],
  ] as const) {
    await log.append([log.entryFor({ node: "0-1", epoch: end.epoch - 1, first, last })]);
  }
  await log.close();
  const ingest = ingestOf(await open(), [], { openJournal: journalsIn(folder, addon) });
  ingest.announce(end);
  await ingest.caughtUp();
  const reference = await aLedger();
  const other = ingestOf(reference.ledger, [], { openJournal: asObjects(journalsIn(folder, addon)) });
  other.announce(end);
  await other.caughtUp();
  expect(await booksOf(url)).toEqual(await booksOf(reference.url));
  const batches = await execute(url, "SELECT first::int, last::int FROM batches ORDER BY batch LIMIT 3");
  expect(batches).toEqual([
    { first: 1, last: 90 },
    { first: 91, last: 92 },
    { first: 93, last: 400 },
  ]);
});

test("damage in a journal that is read natively is named, and what stands before it is in the books", async () => {
  const { folder, directory, end } = await aJournalOnDisk(shares(1_000));
  const segments = (await readdir(directory)).filter((name) => name.endsWith(".wal")).sort();
  const damaged = join(directory, segments[1]!);
  const bytes = await readFile(damaged);
  bytes[headerBytes + 30 * recordBytes(5, 3) + 50]! ^= 1; // in its 31st record
  await writeFile(damaged, bytes);
  const { url, ledger } = await aLedger();
  const ingest = ingestOf(ledger, [], { openJournal: journalsIn(folder, addon) });
  ingest.announce(end);
  await until(() => ingest.trouble, { timeoutMs: 9_000, what: "trouble" });
  expect(ingest.trouble).toMatchObject({ code: "JOURNAL_DAMAGED" });
  expect(ingest.trouble?.message).toContain(damaged);
  const inFirst = Number(segments[1]!.slice(14, 30)) - 1;
  expect(await countOf(url)).toBe(inFirst + 30);
});
