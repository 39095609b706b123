/** The journal on a disk that fails: what D1, D4, D5, D6, D7 and D17 of the threat model ask of it. */
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { validRecordAt } from "../../src/journal/codec.ts";
import { headerBytes, recordBytes } from "../../src/journal/format.ts";
import { recoverJournal, verifyJournal } from "../../src/journal/index.ts";
import { listSegments, readSegment } from "../../src/journal/segments.ts";
import { until } from "../support/deadline.ts";
import {
  aFaultyDisk,
  type FaultyDisk,
  type JournalProcess,
  startWriter,
  type WriterOptions,
} from "../support/fault-injection/journal-process.ts";
import { addon, crc32c, numberOf } from "../support/journal.ts";
import { silentLog } from "../support/silent-log.ts";
import { temporaryFolder } from "../support/temporary.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Stage {
  readonly directory: string;
  readonly disk: FaultyDisk;
  /** A writer on that disk; killed when the test ends. */
  start(changes?: Partial<WriterOptions["journal"]>): JournalProcess;
}

async function aStage(): Promise<Stage> {
  const { path, remove } = await temporaryFolder("journal-faults");
  const directory = join(path, "0-1");
  const disk = aFaultyDisk(path);
  cleanups.push(remove, () => disk.remove());
  const start: Stage["start"] = (changes = {}) => {
    const journal = {
      directory,
      node: "0-1",
      durability: "fsync" as const,
      segmentBytes: 4_096,
      alarmFreeBytes: 2_000_000,
      refuseFreeBytes: 1_000_000,
      reviewMs: 20,
      stallMs: 100,
      lockWaitMs: 0,
      ...changes,
    };
    const writer = startWriter({ journal }, disk);
    cleanups.push(() => writer.kill());
    return writer;
  };
  return { directory, disk, start };
}

async function append(writer: JournalProcess, first: number, count: number): Promise<boolean[]> {
  writer.tell({ type: "append", first, count });
  return (await writer.next("appended")).outcomes;
}

async function recordsOf(directory: string): Promise<number[]> {
  const numbers: number[] = [];
  const { damage } = await verifyJournal({
    directory,
    addon,
    onRecord: (record) => void numbers.push(numberOf(record)),
  });
  expect(damage).toBeUndefined();
  return numbers;
}

const all = (count: number, value: boolean) => Array.from({ length: count }, () => value);
const countTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);

test("no share is acknowledged before its bytes, and its segment's name, were synced", async () => {
  const { directory, disk } = await aStage();
  await mkdir(directory, { recursive: true });
  const acksPath = join(dirname(directory), "acks");
  const acks = openSync(acksPath, "a");
  cleanups.push(() => closeSync(acks));
  const journal = { directory, node: "0-1", durability: "fsync" as const, segmentBytes: 4_096 };
  const writer = startWriter(
    { journal: { ...journal, alarmFreeBytes: 0, refuseFreeBytes: 0 }, ackFd: 5 },
    disk,
    acks,
  );
  cleanups.push(() => writer.kill());
  await writer.next("open");
  for (let first = 1; first <= 90; first += 9) expect(await append(writer, first, 9)).toEqual(all(9, true));
  const log = disk.log();
  await writer.kill();

  const acknowledged = readFileSync(acksPath, "utf8").trim().split("\n").map(Number);
  expect(acknowledged).toEqual(countTo(90));
  const ackLines = log.flatMap(({ path }, line) => (path === acksPath ? [line] : []));
  const files = await listSegments(directory);
  expect(files.length).toBeGreaterThan(4);
  for (const file of files) {
    const { header, bytes } = await readSegment(file, crc32c);
    const named = log.findIndex(({ call, path }) => call === "rename" && path === file.path);
    const nameSynced = log.findIndex(
      ({ call, path }, line) => line > named && call === "fsync" && path === directory,
    );
    expect(named).toBeGreaterThan(-1);
    let sequence = header.firstSequence;
    for (let offset = headerBytes; ; sequence++) {
      const length = validRecordAt(bytes, offset, bytes.length, header.epoch, crc32c);
      if (length === 0) break;
      const end = offset + length;
      const written = log.findIndex(
        (line) =>
          line.call === "write" &&
          line.path === file.path &&
          line.offset <= offset &&
          line.offset + line.length >= end,
      );
      const synced = log.findIndex(
        ({ call, path, result }, line) =>
          line > written && call === "fdatasync" && path === file.path && result === "ok",
      );
      const answered = ackLines[sequence - 1]!;
      expect(nameSynced).toBeLessThan(written);
      expect([written, synced, answered]).toEqual([written, synced, answered].sort((a, b) => a - b));
      expect(written).toBeGreaterThan(-1);
      expect(synced).toBeGreaterThan(-1);
      offset = end;
    }
  }
});

test("durability os acknowledges without a sync of the shares", async () => {
  const { disk, start } = await aStage();
  const writer = start({ durability: "os", segmentBytes: 65_536, alarmFreeBytes: 0, refuseFreeBytes: 0 });
  await writer.next("open");
  const before = disk.log().length;
  for (let first = 1; first <= 50; first += 5) await append(writer, first, 5);
  const calls = disk
    .log()
    .slice(before)
    .filter(({ path }) => path.endsWith(".wal"));
  expect(calls.length).toBeGreaterThan(0);
  expect(new Set(calls.map(({ call }) => call))).toEqual(new Set(["write"]));
});

for (const [call, error] of [
  ["fdatasync", "EIO"],
  ["write", "EIO"],
  ["fdatasync", "ENOSPC"],
  ["write", "ENOSPC"],
] as const) {
  test(`${error} from ${call} on shares is final: nobody is told true, nothing is tried again`, async () => {
    const { directory, disk, start } = await aStage();
    const writer = start();
    await writer.next("open");
    expect(await append(writer, 1, 5)).toEqual(all(5, true));
    disk.order(`${call} ${error} .wal`);
    expect(await append(writer, 6, 4)).toEqual(all(4, false));
    const failure = await writer.next("failed");
    expect(failure.code).toBe("JOURNAL_WRITE_FAILED");
    expect(failure.message).toContain(".wal");
    await writer.next("state", ({ state }) => state === "failed");

    // The disk says it is well again: too late, its word for the old data is worth nothing.
    disk.order();
    const before = disk.log().length;
    expect(await append(writer, 10, 3)).toEqual(all(3, false));
    writer.tell({ type: "close" });
    await writer.next("closed");
    const later = disk.log().slice(before);
    expect(later.filter(({ path }) => path.endsWith(".wal"))).toEqual([]);
    expect(writer.reports.filter(({ type }) => type === "failed")).toHaveLength(1);

    // A new start has all that was acknowledged, and goes on.
    const next = start();
    await next.next("open");
    expect(await append(next, 100, 2)).toEqual(all(2, true));
    const numbers = await recordsOf(directory);
    expect(numbers.slice(0, 5)).toEqual(countTo(5));
    expect(numbers.slice(-2)).toEqual([100, 101]);
  });
}

for (const [call, path] of [
  ["rename", ".wal"],
  ["fsync", "0-1"],
] as const) {
  test(`a new segment whose ${call} fails takes no share, and the journal has failed`, async () => {
    const { directory, disk, start } = await aStage();
    const writer = start();
    await writer.next("open");
    expect(await append(writer, 1, 20)).toEqual(all(20, true));
    await until(() => readdirSync(directory).includes("spare.tmp"), {
      timeoutMs: 5_000,
      what: "the next segment",
    });
    disk.order(`${call} EIO ${path}`);
    expect(await append(writer, 21, 5)).toEqual(all(5, false));
    expect((await writer.next("failed")).code).toBe("JOURNAL_WRITE_FAILED");
    disk.order();
    await writer.kill();
    await recoverJournal({ directory, addon, log: silentLog });
    expect(await recordsOf(directory)).toEqual(countTo(20));
  });
}

test("a disk that fills up shows before a share is at stake: refused while it is full, taken again after", async () => {
  const { directory, disk, start } = await aStage();
  const writer = start();
  await writer.next("open");
  disk.order("write ENOSPC spare.tmp 4096");
  expect(await append(writer, 1, 15)).toEqual(all(15, true));
  // This commit needs a new segment; the one after it cannot be prepared.
  const durable: number[] = countTo(15);
  let next = 16;
  for (;;) {
    const outcomes = await append(writer, next, 6);
    durable.push(...outcomes.flatMap((taken, i) => (taken ? [next + i] : [])));
    next += 6;
    if (outcomes.includes(false)) break;
  }
  const full = await writer.next("state");
  expect([full.state, full.reason]).toEqual(["refusing", "the journal's disk is full"]);
  expect(await append(writer, next, 3)).toEqual(all(3, false));
  next += 3;

  disk.order();
  expect((await writer.next("state")).state).toBe("ok");
  expect(await append(writer, next, 12)).toEqual(all(12, true));
  durable.push(...Array.from({ length: 12 }, (_, i) => next + i));
  expect(writer.reports.filter(({ type }) => type === "failed")).toEqual([]);
  writer.tell({ type: "close" });
  await writer.next("closed");
  expect(await recordsOf(directory)).toEqual(durable);
});

test("an opening on a full disk is one clear refusal, and leaves a journal that opens later", async () => {
  const { directory, disk, start } = await aStage();
  disk.order("write ENOSPC spare.tmp");
  const refused = await start().next("refused");
  expect(refused.code).toBe("JOURNAL_NO_SPACE");
  expect(readdirSync(directory)).toEqual(["lock"]);
  disk.order();
  const writer = start();
  await writer.next("open");
  expect(await append(writer, 1, 2)).toEqual([true, true]);
});

test("free space walks through alarm and refusal and back", async () => {
  const { directory, disk, start } = await aStage();
  disk.order(`statfs 5000000 ${directory}`);
  const writer = start();
  await writer.next("open");
  const steps: [number, string, boolean][] = [
    [1_900_000, "alarm", true],
    [900_000, "refusing", false],
    [1_200_000, "alarm", true],
    [2_300_000, "ok", true],
  ];
  let next = 1;
  for (const [free, state, taken] of steps) {
    disk.order(`statfs ${free} ${directory}`);
    await writer.next("state", (report) => report.state === state);
    expect(await append(writer, next++, 1)).toEqual([taken]);
  }
});

test("a disk that hangs makes the journal refuse instead of letting miners wait, until it answers", async () => {
  const { directory, disk, start } = await aStage();
  disk.order(`statfs 5000000 ${directory}`);
  const writer = start();
  await writer.next("open");
  disk.order("fdatasync HANG .wal", `statfs 5000000 ${directory}`);
  writer.tell({ type: "append", first: 1, count: 3 });
  const stalled = await writer.next("state");
  expect([stalled.state, stalled.reason]).toEqual(["refusing", "the journal's disk does not answer"]);
  expect(await append(writer, 10, 1)).toEqual([false]);
  disk.order(`statfs 5000000 ${directory}`);
  expect((await writer.next("appended")).outcomes).toEqual(all(3, true));
  expect((await writer.next("state")).state).toBe("ok");
  expect(await append(writer, 4, 1)).toEqual([true]);
});

test("the last commit of a killed writer is written once more and synced before anybody relies on it", async () => {
  const { directory, disk, start } = await aStage();
  const killed = start();
  await killed.next("open");
  await append(killed, 1, 3);
  await append(killed, 4, 2);
  await killed.kill();
  const [segment] = await listSegments(directory);
  const before = disk.log().length;
  await start().next("open");
  const calls = disk
    .log()
    .slice(before)
    .filter(({ path }) => path === segment!.path);
  expect(calls.map(({ call }) => call)).toEqual(["ftruncate", "write", "fsync"]);
  expect(calls[1]!.offset).toBe(headerBytes + 3 * recordBytes(42, 4));
});

test("a recovery that fails says so, and the next one ends well", async () => {
  const { directory, disk, start } = await aStage();
  const killed = start();
  await killed.next("open");
  await append(killed, 1, 3);
  await killed.kill();
  for (const order of ["ftruncate EIO .wal", "write EIO .wal", "fsync EIO .wal"]) {
    disk.order(order);
    expect((await start().next("refused")).code).toBe("JOURNAL_RECOVERY_FAILED");
  }
  disk.order();
  await start().next("open");
  expect(await recordsOf(directory)).toEqual([1, 2, 3]);
});

test("of two processes on one journal the second is refused by name, until the first is killed", async () => {
  const { start } = await aStage();
  const first = start();
  await first.next("open");
  const refused = await start().next("refused");
  expect(refused.code).toBe("JOURNAL_LOCKED");
  expect(refused.message).toContain(`process ${first.child.pid}`);
  await first.kill();
  await start().next("open");
});

test("a lock file that a killed process left behind locks nobody out", async () => {
  const { directory, start } = await aStage();
  await mkdir(directory, { recursive: true });
  writeFileSync(join(directory, "lock"), "process 1, since 2026-01-01T00:00:00.000Z\n");
  await start().next("open");
});
