import { readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { openOrderLog, readOrderLog } from "../../../src/ledger/order-log.ts";
import { temporaryFolder } from "../../support/temporary.ts";

async function aFile(): Promise<string> {
  const folder = await temporaryFolder("order-log");
  onTestFinished(folder.remove);
  return join(folder.path, "below", "order.log");
}

async function write(file: string, count: number): Promise<void> {
  const log = await openOrderLog(file);
  const start = log.last?.batch ?? 0;
  for (let index = start; index < start + count; index += 1) {
    const range = { node: `0-${(index % 2) + 1}`, epoch: 1, first: index * 10 + 1, last: index * 10 + 10 };
    await log.append([log.entryFor(range)]);
  }
  await log.close();
}

async function entries(file: string, from?: number) {
  const all = [];
  for await (const entry of readOrderLog(file, from)) all.push(entry);
  return all;
}

test("what was appended is read again, from any batch on, after reopening too", async () => {
  const file = await aFile();
  await write(file, 3);
  await write(file, 2);
  const all = await entries(file);
  expect(all.map(({ batch, node, first, last }) => [batch, node, first, last])).toEqual([
    [1, "0-1", 1, 10],
    [2, "0-2", 11, 20],
    [3, "0-1", 21, 30],
    [4, "0-2", 31, 40],
    [5, "0-1", 41, 50],
  ]);
  expect(await entries(file, 4)).toEqual(all.slice(3));
});

test("the checksum of a batch tells apart logs that differ anywhere before it", async () => {
  const [one, two] = [await aFile(), await aFile()];
  for (const [file, last] of [
    [one, 5],
    [two, 6],
  ] as const) {
    const log = await openOrderLog(file);
    await log.append([log.entryFor({ node: "0-1", epoch: 1, first: 1, last })]);
    await log.append([log.entryFor({ node: "0-2", epoch: 1, first: 1, last: 5 })]);
    await log.close();
  }
  const [ends] = [await Promise.all([one, two].map(async (file) => (await entries(file)).at(-1)))];
  expect(ends[0]!.checksum).not.toBe(ends[1]!.checksum);
});

test("a log that is cut at any byte opens with its whole entries and goes on", async () => {
  const file = await aFile();
  await write(file, 4);
  const bytes = await readFile(file);
  const ends = [...bytes.entries()].filter(([, byte]) => byte === 10).map(([index]) => index + 1);
  for (let length = 0; length <= bytes.length; length += 1) {
    await writeFile(file, bytes);
    await truncate(file, length);
    const whole = Math.max(0, ends.filter((end) => end <= length).length - 1);
    const log = await openOrderLog(file);
    expect(log.last?.batch ?? 0, `cut at ${length}`).toBe(whole);
    await log.close();
    await write(file, 1);
    expect(await entries(file)).toHaveLength(whole + 1);
  }
});

test("zeros at the end, as a power cut leaves them, are cut", async () => {
  const file = await aFile();
  await write(file, 2);
  await writeFile(file, Buffer.concat([await readFile(file), Buffer.alloc(300)]));
  await write(file, 1);
  expect(await entries(file)).toHaveLength(3);
});

test("damage before intact entries stops the ledger and is named, for the writer and the reader", async () => {
  const file = await aFile();
  await write(file, 4);
  const text = await readFile(file, "latin1");
  const broken = text.replace("2 0-2 1 11 20", "2 0-2 1 11 21");
  await writeFile(file, broken, "latin1");
  await expect(openOrderLog(file)).rejects.toMatchObject({ code: "ORDER_LOG_DAMAGED" });
  await expect(entries(file)).rejects.toMatchObject({ code: "ORDER_LOG_DAMAGED" });
  expect(await readFile(file, "latin1"), "nothing is changed").toBe(broken);
});

test("a file of another kind or a newer version is refused and left alone", async () => {
  const file = await aFile();
  await write(file, 1);
  await writeFile(file, "penstock order log 2\nsomething else\n");
  await expect(openOrderLog(file)).rejects.toMatchObject({ code: "ORDER_LOG_VERSION" });
  await expect(entries(file)).rejects.toMatchObject({ code: "ORDER_LOG_VERSION" });
  expect(await readFile(file, "utf8")).toBe("penstock order log 2\nsomething else\n");
});

test("a log larger than what is checked at opening opens by its end", async () => {
  const file = await aFile();
  const log = await openOrderLog(file);
  const many = [];
  let entry = log.entryFor({ node: "0-1", epoch: 1, first: 1, last: 1 });
  for (let first = 2; first < 130_000; first += 1) {
    many.push(entry);
    if (many.length === 10_000) await log.append(many.splice(0));
    // The next entry is chained to one that is not written yet.
    entry = chain(entry, first);
  }
  await log.append(many);
  const { last } = log;
  await log.close();
  const again = await openOrderLog(file);
  expect(again.last).toEqual(last);
  await again.close();
});

function chain(above: { batch: number; checksum: number }, first: number) {
  const entry = { batch: above.batch + 1, node: "0-1", epoch: 1, first, last: first };
  return { ...entry, checksum: crc32(Buffer.from(`${entry.batch} 0-1 1 ${first} ${first}`), above.checksum) };
}
