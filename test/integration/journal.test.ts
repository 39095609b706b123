import { readFileSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { encodeRecord } from "../../src/journal/codec.ts";
import { formatVersion, recordBytes } from "../../src/journal/format.ts";
import {
  type Done,
  type Journal,
  type JournalRecord,
  lastPosition,
  openJournalReader,
  pruneSegments,
  type RunPlace,
  recoverJournal,
  type SequencePosition,
  verifyJournal,
} from "../../src/journal/index.ts";
import { scanSegment } from "../../src/journal/scan.ts";
import { listSegments, readSegment, type SegmentFile } from "../../src/journal/segments.ts";
import { within } from "../support/deadline.ts";
import {
  aBlock,
  addon,
  aShare,
  aSoloBlock,
  commit,
  crc32c,
  numberOf,
  openTestJournal,
  segmentImage,
} from "../support/journal.ts";
import { randomSource } from "../support/random.ts";
import { silentLog } from "../support/silent-log.ts";
import { temporaryFolder } from "../support/temporary.ts";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function aFolder(): Promise<string> {
  const { path, remove } = await temporaryFolder("journal");
  cleanups.push(remove);
  return join(path, "0-1");
}

const start: SequencePosition = { epoch: 0, sequence: 0 };
const everything: SequencePosition = { epoch: 0xffff_ffff, sequence: 0 };

function shares(first: number, count: number): JournalRecord[] {
  return Array.from({ length: count }, (_, i) => aShare(first + i));
}

function refusalWith(code: string, message = /./) {
  return expect.objectContaining({ code, message: expect.stringMatching(message) });
}

/** All that a reader gives up to a position, in pieces. */
async function readAll(directory: string, upTo?: SequencePosition, pieces = 3) {
  const reader = openJournalReader({ directory, addon });
  const numbers: number[] = [];
  let after = start;
  try {
    for (;;) {
      const batch = await reader.next(
        after,
        upTo ?? (await lastPosition({ directory, addon })) ?? start,
        pieces,
      );
      if (batch === undefined) return { numbers, after };
      expect(batch.last - batch.first + 1).toBe(batch.records.length);
      expect(batch.records.length).toBeLessThanOrEqual(pieces);
      numbers.push(...batch.records.map(numberOf));
      after = { epoch: batch.epoch, sequence: batch.last };
    }
  } finally {
    await reader.close();
  }
}

const countTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);

test("what was committed is read back, over segments and epochs, in order and without gaps", async () => {
  const directory = await aFolder();
  let next = 1;
  for (let opening = 0; opening < 3; opening++) {
    const journal = await openTestJournal(directory);
    for (const size of [1, 20, 7, 13, 2]) {
      await commit(journal, shares(next, size));
      next += size;
    }
    expect(journal.committed).toEqual({ node: "0-1", epoch: journal.epoch, sequence: 43 });
    await journal.close();
  }
  expect((await listSegments(directory)).length).toBeGreaterThan(5);
  for (const pieces of [1, 5, 10_000]) {
    expect((await readAll(directory, undefined, pieces)).numbers).toEqual(countTo(next - 1));
  }
});

test("records of both kinds and schemes keep all that they hold", async () => {
  const directory = await aFolder();
  const records = [
    aShare(1, { protocol: "v2", block: true, worker: "" }),
    aBlock(2),
    aShare(3, { scheme: "solo" }),
    aSoloBlock(4),
  ];
  const journal = await openTestJournal(directory);
  await commit(journal, records);
  const reader = openJournalReader({ directory, addon });
  const batch = await reader.next(start, journal.committed, 10);
  expect(batch).toEqual({ node: "0-1", epoch: journal.epoch, first: 1, last: 4, records });
  await reader.close();
  await journal.close();
});

/** One segment as Penstock wrote it before there was solo work: its name, then its bytes. */
const [version1Name, version1Hex] = readFileSync(
  new URL("../vectors/journal-version-1.hex", import.meta.url),
  "utf8",
).split("\n");

test("a journal of version 1 is verified, read either way, recovered, and gone on from in version 2", async () => {
  const directory = await aFolder();
  await mkdir(directory);
  await writeFile(join(directory, version1Name!), Buffer.from(version1Hex!, "hex"));
  const records = [aShare(1), aShare(2, { block: true, protocol: "v2" }), aBlock(2), aShare(3)];
  expect(await verifyJournal({ directory, addon })).toMatchObject({ records: 4, damage: undefined });
  const last = await recoverJournal({ directory, addon, log: silentLog });
  const reader = openJournalReader({ directory, addon });
  cleanups.push(() => reader.close());
  expect((await reader.next(start, last!, 10))?.records).toEqual(records);
  const packed = await reader.nextPacked(start, last!, 10);
  expect(packed && "unpack" in packed && packed.unpack().records).toEqual(records);

  const journal = await openTestJournal(directory);
  await commit(journal, [aShare(4, { scheme: "solo" })]);
  await journal.close();
  expect((await readAll(directory)).numbers).toEqual([1, 2, 2, 3, 4]);
  const versions = (await listSegments(directory)).map(({ path }) => readFileSync(path).readUInt32LE(8));
  expect(versions).toEqual([1, 2]);
});

test("answers come in order, after the commit that holds them, and a share of one turn shares its commit", async () => {
  const directory = await aFolder();
  const journal = await openTestJournal(directory);
  const events: string[] = [];
  const done = new Promise<void>((resolve) => {
    journal.onCommit((position, count) => {
      events.push(`commit of ${count} up to ${position.sequence}`);
      if (position.sequence === 3) resolve();
    });
  });
  journal.append(aShare(1), () => {
    events.push("1");
    journal.append(aShare(3), () => events.push("3"));
  });
  journal.append(aShare(2), () => events.push("2"));
  expect(events).toEqual([]);
  await done;
  expect(events).toEqual(["1", "2", "commit of 2 up to 2", "3", "commit of 1 up to 3"]);
  await journal.close();
});

/** Writes shares as another hand would, into the place that the journal offers. */
function runOf(records: readonly JournalRecord[], done: Done): (place: RunPlace) => void {
  return (place) => {
    for (const record of records) {
      if (record.kind !== "share") throw new Error("a run holds shares");
      const account = Buffer.from(record.account);
      const worker = Buffer.from(record.worker);
      const offset = place.start + place.length;
      if (offset + recordBytes(account.length, worker.length) > place.end) break;
      const frame = {
        epoch: place.epoch,
        sequence: place.sequence + place.records,
        index: place.index + place.records,
      };
      place.length += encodeRecord(place.bytes, offset, record, frame, account, worker, crc32c);
      place.records += 1;
    }
    place.done = done;
  };
}

test("a run of records stands among the others in order, and one answer covers it after its commit", async () => {
  const directory = await aFolder();
  const journal = await openTestJournal(directory, { segmentBytes: 1024 * 1024 });
  const answers: string[] = [];
  const note = (name: string) => (durable: boolean) => void answers.push(`${name} ${durable}`);
  await new Promise<void>((resolve) => {
    journal.append(aShare(1), note("1"));
    expect(journal.appendRun(runOf(shares(2, 300), note("run")))).toBe(true);
    expect(journal.appendRun(runOf([], note("nothing")))).toBe(true);
    journal.append(aShare(302), (durable) => {
      note("302")(durable);
      resolve();
    });
    expect(answers).toEqual([]);
  });
  expect(answers).toEqual(["1 true", "run true", "302 true"]);
  expect(journal.committed.sequence).toBe(302);
  await journal.close();
  const { numbers } = await readAll(directory);
  expect(numbers).toEqual(Array.from({ length: 302 }, (_, index) => index + 1));
  expect(await verifyJournal({ directory, addon })).toMatchObject({ damage: undefined, records: 302 });
});

test("beyond the bound of what may wait no run is asked for, and what was offered ends at the bound", async () => {
  const directory = await aFolder();
  const journal = await openTestJournal(directory, { segmentBytes: 1024 * 1024, maxQueuedBytes: 10_000 });
  let taken = 0;
  const fill = (place: RunPlace) => {
    runOf(shares(taken + 1, 300), () => {})(place);
    taken += place.records;
  };
  expect(journal.appendRun(fill)).toBe(true);
  expect(taken).toBeGreaterThan(10);
  expect(journal.queuedBytes).toBeLessThanOrEqual(10_000);
  const before = taken;
  while (journal.appendRun(fill)) expect(journal.queuedBytes).toBeLessThanOrEqual(10_000);
  expect(taken - before).toBeLessThan(5);
  await journal.close();
  expect((await readAll(directory)).numbers).toHaveLength(taken);
});

test("one answer that throws costs the others nothing", async () => {
  const journal = await openTestJournal(await aFolder());
  const outcome = new Promise<boolean>((resolve) => {
    journal.append(aShare(1), () => {
      throw new Error("a broken connection");
    });
    journal.append(aShare(2), resolve);
  });
  expect(await outcome).toBe(true);
  await journal.close();
});

test("closing commits what was taken, and takes nothing more", async () => {
  const directory = await aFolder();
  const journal = await openTestJournal(directory);
  const outcomes: boolean[] = [];
  journal.append(aShare(1), (durable) => outcomes.push(durable));
  const closed = journal.close();
  expect(journal.append(aShare(2), (durable) => outcomes.push(durable))).toBe(0);
  await closed;
  expect(outcomes).toEqual([false, true]);
  expect((await readAll(directory)).numbers).toEqual([1]);
  expect(await readdir(directory)).not.toContain("spare.tmp");
});

test("beyond the bound of what may wait, append refuses at once, and takes again when the disk has caught up", async () => {
  const directory = await aFolder();
  const journal = await openTestJournal(directory, { maxQueuedBytes: 2_048 });
  const outcomes: boolean[] = [];
  const settled = new Promise<void>((resolve) => journal.onCommit(() => resolve()));
  for (let i = 1; i <= 20; i++) journal.append(aShare(i), (durable) => outcomes.push(durable));
  expect(journal.queuedBytes).toBeLessThanOrEqual(2_048);
  const refused = outcomes.length;
  expect(refused).toBeGreaterThan(5);
  await settled;
  expect(outcomes.filter(Boolean).length).toBe(20 - refused);
  await commit(journal, shares(21, 3));
  await journal.close();
  expect((await readAll(directory)).numbers).toEqual([...countTo(20 - refused), 21, 22, 23]);
});

test("both durabilities keep what was committed when the process is gone without closing", async () => {
  for (const durability of ["fsync", "os"] as const) {
    const directory = await aFolder();
    const journal = await openTestJournal(directory, { durability });
    await commit(journal, shares(1, 20));
    await commit(journal, shares(21, 10));
    const copy = `${directory}-copy`;
    await cp(directory, copy, { recursive: true });
    await journal.close();
    await recoverJournal({ directory: copy, addon, log: silentLog });
    expect((await readAll(copy)).numbers, durability).toEqual(countTo(30));
  }
});

test("every opening starts an epoch above all before, also when the clock has gone back", async () => {
  const directory = await aFolder();
  const epochs: number[] = [];
  for (const seconds of [2_000_000_000, 1_000_000_000, 2_000_000_010, 0, 2 ** 33]) {
    const clock = { wallMs: () => seconds * 1000, monotonicMs: () => performance.now() };
    const journal = await openTestJournal(directory, { clock });
    epochs.push(journal.epoch);
    await journal.close();
  }
  expect(epochs).toEqual([2_000_000_000, 2_000_000_001, 2_000_000_010, 2_000_000_011, 2_000_000_012]);
});

test("a second writer is refused by name, in this process too, and let in when the first is gone", async () => {
  const directory = await aFolder();
  const first = await openTestJournal(directory);
  const refusal = refusalWith("JOURNAL_LOCKED", new RegExp(`process ${process.pid}`));
  await expect(openTestJournal(directory)).rejects.toThrow(refusal);
  await expect(recoverJournal({ directory, addon, log: silentLog, lockWaitMs: 0 })).rejects.toThrow(refusal);
  const second = openTestJournal(directory, { lockWaitMs: 10_000 });
  await first.close();
  await (await second).close();
});

test("a folder that belongs to another node is refused", async () => {
  const directory = await aFolder();
  await (await openTestJournal(directory)).close();
  await expect(openTestJournal(directory, { node: "0-2" })).rejects.toThrow(
    refusalWith("JOURNAL_OTHER_NODE", /node 0-1, not 0-2/),
  );
});

test("options that cannot work are refused", async () => {
  const directory = await aFolder();
  for (const changes of [
    { node: "../x" },
    { segmentBytes: 100 },
    { segmentBytes: 4_097 },
    { maxQueuedBytes: 10 },
  ]) {
    await expect(openTestJournal(directory, changes)).rejects.toThrow(refusalWith("JOURNAL_OPTIONS_INVALID"));
  }
});

test("a segment of a newer version stops the opening by name", async () => {
  const directory = await aFolder();
  await (await openTestJournal(directory)).close();
  const [segment] = await listSegments(directory);
  const bytes = await readFile(segment!.path);
  bytes.writeUInt32LE(formatVersion + 1, 8);
  await writeFile(segment!.path, bytes);
  await expect(openTestJournal(directory)).rejects.toThrow(refusalWith("JOURNAL_FORMAT_NEWER"));
});

const inFirstEpoch = 11;
const inLastCommit = 2;

/** A journal of several segments and two epochs, whose writer was killed in the second. */
async function aKilledJournal(): Promise<{ directory: string; last: number }> {
  const directory = await aFolder();
  const first = await openTestJournal(directory, { segmentBytes: 1_024 });
  for (let i = 1; i <= inFirstEpoch; i++) await commit(first, shares(i, 1));
  await first.close();
  const second = await openTestJournal(directory, { segmentBytes: 2_048 });
  for (const size of [1, 3, 4, 3, 1, inLastCommit]) await commit(second, shares(nextNumber(second), size));
  const killed = `${directory}-killed`;
  await cp(directory, killed, { recursive: true });
  await second.close();
  return { directory: killed, last: inFirstEpoch + 12 + inLastCommit };
}

function nextNumber(journal: Journal): number {
  return inFirstEpoch + (journal.committed.epoch === journal.epoch ? journal.committed.sequence : 0) + 1;
}

test("cut at every byte of its last commit, a journal opens and has every record before the cut", async () => {
  const { directory, last } = await aKilledJournal();
  const newest = (await listSegments(directory)).at(-1)!;
  const { header, bytes } = await readSegment(newest, crc32c);
  const { lastBatchOffset, end } = scanSegment(bytes, header, crc32c);
  for (let cut = lastBatchOffset; cut <= end; cut++) {
    // As the file system leaves it: shorter, or with zeros where nothing arrived.
    await writeFile(newest.path, cut % 2 === 0 ? bytes.subarray(0, cut) : Buffer.from(bytes).fill(0, cut));
    const position = await recoverJournal({ directory, addon, log: silentLog });
    const { numbers } = await readAll(directory, position, 100);
    expect(numbers, `cut at ${cut}`).toEqual(countTo(numbers.length));
    expect(numbers.length).toBeGreaterThanOrEqual(last - inLastCommit);
    expect(numbers.length).toBeLessThanOrEqual(cut === end ? last : last - (cut < end - 7 ? 1 : 0));
  }
});

test("a segment in the middle that is cut at any byte stops verify and reader, named", async () => {
  const { directory } = await aKilledJournal();
  const segments = await listSegments(directory);
  const middle = segments[1]!;
  const sound = await readFile(middle.path);
  for (let cut = 0; cut < sound.length; cut++) {
    await writeFile(middle.path, sound.subarray(0, cut));
    const { damage } = await verifyJournal({ directory, addon });
    expect(damage?.code, `cut at ${cut}`).toBeOneOf(["JOURNAL_DAMAGED", "JOURNAL_GAP"]);
    await expect(readAll(directory, undefined, 100), `cut at ${cut}`).rejects.toThrow(
      refusalWith("JOURNAL_DAMAGED", new RegExp(middle.path)),
    );
  }
});

test("every single changed byte of a journal is a cut of its last commit or a stop with a name, never silence", async () => {
  const { directory, last } = await aKilledJournal();
  const segments = await listSegments(directory);
  let cuts = 0;
  for (const segment of segments) {
    const sound = await readFile(segment.path);
    for (let offset = 0; offset < sound.length; offset++) {
      const bytes = Buffer.from(sound);
      bytes[offset]! ^= 1 << (offset % 8);
      await writeFile(segment.path, bytes);
      const { damage, unfinished, records } = await verifyJournal({ directory, addon });
      const where = `${segment.path} byte ${offset}`;
      if (damage !== undefined) {
        expect(damage.code, where).toBeOneOf(["JOURNAL_DAMAGED", "JOURNAL_FORMAT_NEWER"]);
        expect(damage.message, where).toContain(segment.path);
      } else {
        expect(unfinished?.path, where).toBe(segments.at(-1)!.path);
        expect(records, where).toBeGreaterThanOrEqual(last - inLastCommit);
        cuts++;
      }
    }
    await writeFile(segment.path, sound);
  }
  expect(cuts).toBeGreaterThan(0);
  expect((await verifyJournal({ directory, addon })).damage).toBeUndefined();
});

test("the opening stops at damage before the last commit, names it, and changes nothing", async () => {
  const { directory } = await aKilledJournal();
  const newest = (await listSegments(directory)).at(-1)!;
  const bytes = await readFile(newest.path);
  bytes[200]! ^= 0x04;
  await writeFile(newest.path, bytes);
  for (let attempt = 0; attempt < 2; attempt++) {
    await expect(openTestJournal(directory)).rejects.toThrow(
      refusalWith("JOURNAL_DAMAGED", new RegExp(`${newest.path} is damaged at offset \\d+: sequence`)),
    );
  }
  expect(await readFile(newest.path)).toEqual(bytes);
});

test("a recovery that was killed after any of its steps is finished by the next", async () => {
  // The cut commit, the end mark over its start, and what each combination of cutting and writing leaves.
  const torn = segmentImage({ commits: [2, 4], zeros: 512 });
  torn.bytes.fill(0, torn.offsets[3]!, torn.offsets[4]!);
  const done = segmentImage({ commits: [2, 1], endMark: true });
  const steps = [
    torn.bytes,
    torn.bytes.subarray(0, torn.offsets[3]!),
    Buffer.concat([done.bytes, torn.bytes.subarray(done.bytes.length)]),
    Buffer.concat([done.bytes.subarray(0, -16), torn.bytes.subarray(done.bytes.length - 16)]),
    done.bytes.subarray(0, -16),
    done.bytes,
  ];
  for (const [index, bytes] of steps.entries()) {
    const directory = await aFolder();
    await (await openTestJournal(directory)).close();
    const [segment] = await listSegments(directory);
    await rm(segment!.path);
    const path = join(directory, "0000000000007-0000000000000001.wal");
    await writeFile(path, bytes);
    for (let again = 0; again < 2; again++) {
      const position = await recoverJournal({ directory, addon, log: silentLog });
      expect(position, `step ${index}`).toEqual({ node: "0-1", epoch: 7, sequence: 3 });
      expect(await readFile(path)).toEqual(done.bytes);
    }
  }
});

test("a journal that was recovered or closed is not written to again by a recovery", async () => {
  const { directory } = await aKilledJournal();
  const position = await recoverJournal({ directory, addon, log: silentLog });
  const newest = (await listSegments(directory)).at(-1)!;
  const before = await stat(newest.path);
  expect(await recoverJournal({ directory, addon, log: silentLog })).toEqual(position);
  expect((await stat(newest.path)).mtimeMs).toBe(before.mtimeMs);
});

test("where there is no journal there is nothing to recover and no position", async () => {
  const directory = await aFolder();
  expect(await recoverJournal({ directory, addon, log: silentLog })).toBeUndefined();
  expect(await lastPosition({ directory, addon })).toBeUndefined();
  await (await openTestJournal(directory)).close();
  expect(await recoverJournal({ directory, addon, log: silentLog })).toBeUndefined();
  expect(await lastPosition({ directory, addon })).toBeUndefined();
});

test("sealed segments are as long as what they hold", async () => {
  const directory = await aFolder();
  const journal = await openTestJournal(directory);
  for (let i = 1; i <= 60; i++) await commit(journal, shares(i, 1));
  await journal.close();
  for (const file of await listSegments(directory)) {
    const { header, bytes } = await readSegment(file, crc32c);
    const { end, endMark } = scanSegment(bytes, header, crc32c);
    expect(bytes.length).toBe(endMark ? end + 32 : end);
  }
});

test("a reader follows a writer, never past what was announced", async () => {
  const directory = await aFolder();
  const journal = await openTestJournal(directory);
  const reader = openJournalReader({ directory, addon });
  let after: SequencePosition = start;
  let announced = journal.committed;
  const seen: number[] = [];
  const random = randomSource(3);
  for (let next = 1; next < 400; ) {
    const size = random.integer(1, 15);
    await commit(journal, shares(next, size));
    next += size;
    if (random.integer(0, 1) === 0) announced = journal.committed;
    const batch = await reader.next(after, announced, random.integer(1, 40));
    if (batch === undefined) continue;
    seen.push(...batch.records.map(numberOf));
    after = { epoch: batch.epoch, sequence: batch.last };
    expect(after.sequence).toBeLessThanOrEqual(announced.sequence);
  }
  for (;;) {
    const batch = await reader.next(after, journal.committed, 10);
    if (batch === undefined) break;
    seen.push(...batch.records.map(numberOf));
    after = { epoch: batch.epoch, sequence: batch.last };
  }
  expect(seen).toEqual(countTo(journal.committed.sequence));
  await reader.close();
  await journal.close();
});

test("a reader starts anywhere, and one batch never crosses an epoch", async () => {
  const { directory, last } = await aKilledJournal();
  const epochs = [...new Set((await listSegments(directory)).map(({ epoch }) => epoch))];
  const position = (number: number): SequencePosition =>
    number <= inFirstEpoch
      ? { epoch: epochs[0]!, sequence: number }
      : { epoch: epochs[1]!, sequence: number - inFirstEpoch };
  const end = await lastPosition({ directory, addon });
  for (let number = 0; number < last; number++) {
    const reader = openJournalReader({ directory, addon });
    const after = number === 0 ? start : position(number);
    const batch = await reader.next(after, end!, 1_000);
    expect(batch?.first, `after ${number}`).toBe(position(number + 1).sequence);
    expect(batch?.epoch).toBe(position(number + 1).epoch);
    expect(numberOf(batch!.records[0]!)).toBe(number + 1);
    await reader.close();
  }
  const reader = openJournalReader({ directory, addon });
  expect(await reader.next(end!, end!, 10)).toBeUndefined();
  await reader.close();
});

test("epochs without a record are passed over", async () => {
  const directory = await aFolder();
  for (const count of [0, 0, 3, 0, 0, 2, 0]) {
    const journal = await openTestJournal(directory);
    const first = (await readAll(directory)).numbers.length + 1;
    if (count > 0) await commit(journal, shares(first, count));
    await journal.close();
  }
  expect((await readAll(directory)).numbers).toEqual(countTo(5));
});

test("a missing segment is a gap that the reader and verify name", async () => {
  const { directory } = await aKilledJournal();
  const segments = await listSegments(directory);
  for (const [index, { path }] of segments.slice(0, -1).entries()) {
    const aside = `${path}.aside`;
    await rename(path, aside);
    await expect(readAll(directory), `without segment ${index}`).rejects.toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^JOURNAL_(GAP|DAMAGED)$/) }),
    );
    if (index > 0) {
      expect((await verifyJournal({ directory, addon })).damage?.code).toMatch(/^JOURNAL_(GAP|DAMAGED)$/);
    }
    await rename(aside, path);
  }
});

test("the lost end of an epoch is a gap, though every record that is left is sound", async () => {
  const directory = await aFolder();
  for (const first of [1, 5]) {
    const journal = await openTestJournal(directory);
    await commit(journal, shares(first, 4));
    await journal.close();
  }
  const [old] = await listSegments(directory);
  const { header, bytes } = await readSegment(old!, crc32c);
  const { lastBatchOffset, end } = scanSegment(bytes, header, crc32c);
  await truncate(old!.path, lastBatchOffset + (end - lastBatchOffset) / 2);
  await expect(readAll(directory)).rejects.toThrow(
    refusalWith("JOURNAL_DAMAGED", /sequences 3 to 4 of epoch/),
  );
});

test("a ledger that is ahead of a restored journal is told so", async () => {
  const { directory } = await aKilledJournal();
  const end = (await lastPosition({ directory, addon }))!;
  const reader = openJournalReader({ directory, addon });
  const ahead = { epoch: end.epoch, sequence: end.sequence + 5 };
  await expect(reader.next(ahead, { ...ahead, sequence: ahead.sequence + 1 }, 10)).rejects.toThrow(
    refusalWith("JOURNAL_BEHIND", new RegExp(`sequence ${end.sequence}`)),
  );
  await expect(reader.next({ epoch: end.epoch + 9, sequence: 4 }, everything, 10)).rejects.toThrow(
    refusalWith("JOURNAL_BEHIND"),
  );
  await expect(reader.next({ epoch: end.epoch + 9, sequence: 4 }, end, 10)).rejects.toThrow(
    refusalWith("JOURNAL_BEHIND"),
  );
  await reader.close();
});

test("without fsync a power cut may take what the ledger has already: the reader goes on behind it", async () => {
  const directory = await aFolder();
  const first = await openTestJournal(directory, { durability: "os" });
  await commit(first, shares(1, 3));
  await commit(first, shares(4, 3));
  const after = first.committed;
  await first.close();
  const [segment] = await listSegments(directory);
  const { header, bytes } = await readSegment(segment!, crc32c);
  await truncate(segment!.path, scanSegment(bytes, header, crc32c).lastBatchOffset);

  const second = await openTestJournal(directory, { durability: "os" });
  await commit(second, shares(7, 2));
  const reader = openJournalReader({ directory, addon });
  const batch = await reader.next(after, second.committed, 10);
  expect(batch?.records.map(numberOf)).toEqual([7, 8]);
  expect(await reader.next(second.committed, second.committed, 10)).toBeUndefined();
  await reader.close();
  await second.close();
});

test("a journal that was started anew behind one moved aside is read on", async () => {
  const directory = await aFolder();
  await (await openTestJournal(directory)).close();
  const after = { epoch: 1_000, sequence: 77 };
  const journal = await openTestJournal(`${directory}-new`);
  await commit(journal, shares(1, 2));
  const reader = openJournalReader({ directory: `${directory}-new`, addon });
  expect((await reader.next(after, journal.committed, 10))?.records.map(numberOf)).toEqual([1, 2]);
  await reader.close();
  await journal.close();
});

test("verify is sound at every moment while the journal is written", async () => {
  const directory = await aFolder();
  const journal = await openTestJournal(directory);
  let writing = true;
  const writer = (async () => {
    for (let next = 1; next < 3_000; next += 10) await commit(journal, shares(next, 10));
    writing = false;
  })();
  let rounds = 0;
  while (writing) {
    const { damage, records, segments } = await verifyJournal({ directory, addon });
    expect(damage).toBeUndefined();
    expect(records).toBeGreaterThanOrEqual(0);
    expect(segments).toBeGreaterThan(0);
    rounds++;
  }
  await writer;
  expect(rounds).toBeGreaterThan(2);
  await journal.close();
});

async function names(files: Promise<SegmentFile[]>): Promise<string[]> {
  return (await files).map(({ path }) => path);
}

test("pruning takes only segments wholly applied, covered and past their retention, oldest first, and never the newest two", async () => {
  const { directory, last } = await aKilledJournal();
  const end = (await recoverJournal({ directory, addon, log: silentLog }))!;
  const all = await names(listSegments(directory));
  const prune = (
    applied: SequencePosition,
    retentionMs: number,
    covered: SequencePosition | undefined = end,
  ) => pruneSegments({ directory, addon, applied, covered, retentionMs, nowMs: Date.now() + 1_000 });

  expect(await prune(end, 3_600_000, start)).toMatchObject({ deleted: [], waiting: false });
  expect(await prune(end, 0, start)).toMatchObject({ deleted: [], waiting: true });
  expect((await prune(start, 0)).deleted).toEqual([]);
  const { epoch } = (await listSegments(directory))[0]!;
  // Sequence 4 is the last of the first segment: applied up to 3 it must stay.
  const { firstSequence } = (await listSegments(directory))[1]!;
  expect((await prune({ epoch, sequence: firstSequence - 2 }, 0)).deleted).toEqual([]);
  expect(await prune(end, 0, { epoch, sequence: firstSequence - 2 })).toMatchObject({
    deleted: [],
    waiting: true,
  });
  expect((await prune({ epoch, sequence: firstSequence - 1 }, 0)).deleted).toEqual([all[0]]);

  const applied = { epoch, sequence: firstSequence - 1 };
  const reader = openJournalReader({ directory, addon });
  expect(numberOf((await reader.next(applied, end, 1))!.records[0]!)).toBe(firstSequence);
  await expect(reader.next(start, end, 1)).rejects.toThrow(refusalWith("JOURNAL_GAP"));
  await reader.close();

  const { deleted, keptBytes } = await prune(end, 0);
  expect(deleted).toEqual(all.slice(1, -2));
  const sizes = await Promise.all(all.slice(-2).map(async (path) => (await stat(path)).size));
  expect(keptBytes).toBe(sizes[0]! + sizes[1]!);
  const journal = await openTestJournal(directory);
  await commit(journal, shares(last + 1, 1));
  await journal.close();
});

test("segments are zeros to their full size before they take a record", async () => {
  const directory = await aFolder();
  const journal = await openTestJournal(directory, { segmentBytes: 8_192 });
  await commit(journal, shares(1, 1));
  const [segment] = await listSegments(directory);
  const { size, blocks } = await stat(segment!.path);
  expect(size).toBe(8_192);
  expect(blocks * 512).toBeGreaterThanOrEqual(8_192);
  await journal.close();
});

test("an alarm for little space is raised at the opening, and a refusal takes no share", async () => {
  const alarming = await openTestJournal(await aFolder(), { alarmFreeBytes: Number.MAX_SAFE_INTEGER });
  expect([alarming.state, alarming.stateReason]).toEqual(["alarm", "the journal's disk is almost full"]);
  await commit(alarming, shares(1, 1));
  await alarming.close();

  const refusing = await openTestJournal(await aFolder(), { refuseFreeBytes: Number.MAX_SAFE_INTEGER });
  expect([refusing.state, refusing.stateReason]).toEqual(["refusing", "the journal's disk is full"]);
  const outcome = new Promise<boolean>((resolve) => refusing.append(aShare(), resolve));
  expect(await within(1_000, "the refusal", outcome)).toBe(false);
  await refusing.close();
});

test("a folder that cannot be made or written is one clear refusal", async () => {
  const directory = await aFolder();
  await (await openTestJournal(directory)).close();
  const file = join(directory, "lock");
  await expect(openTestJournal(join(file, "0-1"))).rejects.toThrow(refusalWith("JOURNAL_UNWRITABLE"));
});
