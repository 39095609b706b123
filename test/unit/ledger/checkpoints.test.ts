import { createHash } from "node:crypto";
import { copyFile, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { JournalRecord } from "../../../src/journal/record.ts";
import { blocksOf, openCheckpoint, startFrom } from "../../../src/ledger/checkpoint.ts";
import { keptCheckpoints, makeCheckpoints, soundCheckpoints } from "../../../src/ledger/checkpoints.ts";
import { MemoryLedger, type RebuiltBlock } from "../../../src/ledger/memory.ts";
import { openOrderLog, readOrderLog } from "../../../src/ledger/order-log.ts";
import { rebuild } from "../../../src/ledger/rebuild.ts";
import { ShareSums } from "../../../src/ledger/share-sums.ts";
import { aBlock, aHash, aShare, aStream, MemoryJournal, random } from "../../support/ledger-records.ts";
import { temporaryFolder } from "../../support/temporary.ts";

interface World {
  readonly folder: string;
  readonly orderLogFile: string;
  readonly journals: readonly MemoryJournal[];
  readonly batches: number;
  readonly openJournal: (node: string) => Promise<MemoryJournal>;
}

/** Two journals that the ledger took in turns, in batches of random sizes, over several epochs. */
async function aWorld(
  seed: number,
  length = 300,
  wants: (record: JournalRecord) => boolean = () => true,
): Promise<World> {
  const folder = await temporaryFolder("checkpoints");
  onTestFinished(folder.remove);
  const orderLogFile = join(folder.path, "order.log");
  const journals = [new MemoryJournal("0-1"), new MemoryJournal("0-2")];
  const log = await openOrderLog(orderLogFile);
  const pick = random(seed);
  for (const [index, stream] of [0, 1, 2]
    .map((part) => aStream(seed * 3 + part, length).filter(wants))
    .entries()) {
    const journal = journals[index % 2]!;
    if (index === 2) journal.reopen();
    for (let at = 0; at < stream.length; ) {
      const part = stream.slice(at, at + 1 + pick(40));
      const { node, epoch, sequence } = journal.append(...part);
      await log.append([log.entryFor({ node, epoch, first: sequence - part.length + 1, last: sequence })]);
      at += part.length;
    }
  }
  const batches = log.last!.batch;
  await log.close();
  const openJournal = async (node: string) => journals.find((journal) => journal.node === node)!;
  return { folder: folder.path, orderLogFile, journals, batches, openJournal };
}

const everyDay = () => true;

interface Result {
  readonly ledger: MemoryLedger;
  readonly sums: ShareSums;
  readonly blocks: Map<string, RebuiltBlock>;
}

async function fromTheStart({ orderLogFile, openJournal }: World): Promise<Result> {
  const [ledger, sums] = [new MemoryLedger(), new ShareSums(everyDay)];
  for await (const _ of rebuild(ledger, sums, readOrderLog(orderLogFile), openJournal));
  return { ledger, sums, blocks: ledger.blocks };
}

async function fromTheNewest({ orderLogFile, openJournal }: World): Promise<Result> {
  const [checkpoint] = await soundCheckpoints(orderLogFile, Number.MAX_SAFE_INTEGER, 1);
  const sums = new ShareSums(everyDay);
  const ledger = new MemoryLedger(await startFrom(checkpoint!, (sum) => sums.add(sum)));
  const blocks = new Map<string, RebuiltBlock>();
  for await (const block of blocksOf(checkpoint!)) blocks.set(hexOf(block), block);
  const entries = readOrderLog(orderLogFile, 1, checkpoint!.head.mark);
  for await (const _ of rebuild(ledger, sums, entries, openJournal));
  await checkpoint!.close();
  for (const [hash, block] of ledger.blocks) blocks.set(hash, block);
  return { ledger, sums, blocks };
}

function hexOf({ record }: RebuiltBlock): string {
  return Buffer.from(record.hash).toString("hex");
}

function make(world: World, upTo: number, more: Partial<Parameters<typeof makeCheckpoints>[0]> = {}) {
  const { orderLogFile, openJournal } = world;
  return makeCheckpoints({ orderLogFile, openJournal, upTo, firstDay: 0, ...more });
}

function names({ folder }: World): Promise<string[]> {
  return readdir(folder).then((all) => all.filter((name) => name !== "order.log").sort());
}

test("what is rebuilt from any chain of checkpoints is what is rebuilt from the first record, to the last bit", async () => {
  for (let seed = 1; seed <= 25; seed += 1) {
    const world = await aWorld(seed);
    const pick = random(seed * 11);
    let at = 0;
    for (let made = 0; made <= pick(4); made += 1) {
      at = Math.min(world.batches, at + 1 + pick(world.batches));
      await make(world, at, { maxRecords: 1 + pick(500) });
    }
    const [whole, continued] = [await fromTheStart(world), await fromTheNewest(world)];
    const what = `seed ${seed}, checkpoint ${at} of ${world.batches}`;
    expect(continued.ledger.pplns, what).toEqual(whole.ledger.pplns);
    expect(continued.ledger.works, what).toEqual(whole.ledger.works);
    expect(continued.ledger.shares, what).toBe(whole.ledger.shares);
    expect(continued.blocks, what).toEqual(whole.blocks);
    expect(continued.sums.sums, what).toEqual(whole.sums.sums);
  }
});

test("a checkpoint needs no journal before it", async () => {
  const world = await aWorld(30);
  const whole = await fromTheStart(world);
  const [first] = await make(world, world.batches >> 1);
  for (const journal of world.journals) {
    const { epoch, sequence } = first!.positions.get(journal.node) ?? { epoch: 1, sequence: 0 };
    journal.forget(epoch, sequence);
  }
  await expect(fromTheStart(world)).rejects.toMatchObject({ code: "LEDGER_JOURNAL_MISSING" });
  await make(world, world.batches);
  const continued = await fromTheNewest(world);
  expect(continued.blocks).toEqual(whole.blocks);
  expect(continued.ledger.works).toEqual(whole.ledger.works);
});

test("names that end a line for others, or nothing at all, survive a checkpoint", async () => {
  const world = await aWorld(31, 1);
  const worker = 'a\u2028b\r\n"\\ü🚰\u0000';
  const log = await openOrderLog(world.orderLogFile);
  const records = [aShare({ worker, account: worker }), aBlock({ worker, account: "" })];
  const { epoch, sequence } = world.journals[0]!.append(...records);
  const entry = log.entryFor({ node: "0-1", epoch, first: sequence - 1, last: sequence });
  await log.append([entry]);
  await log.close();
  await make(world, entry.batch);
  const [whole, continued] = [await fromTheStart(world), await fromTheNewest(world)];
  expect(continued.blocks).toEqual(whole.blocks);
  expect(continued.sums.sums).toEqual(whole.sums.sums);
  expect(continued.ledger.works).toEqual(whole.ledger.works);
});

test("the newest two are kept, with what a crash left half written gone", async () => {
  const world = await aWorld(32);
  await writeFile(join(world.folder, "checkpoint-7.ndjson.tmp"), "half");
  for (const batch of [3, 9, 12]) await make(world, batch);
  expect(await names(world)).toEqual(["checkpoint-12.ndjson", "checkpoint-9.ndjson"]);
  expect((await keptCheckpoints(world.orderLogFile)).map(({ batch }) => batch)).toEqual([12, 9]);
  expect((await make(world, 12)).map(({ batch }) => batch)).toEqual([12, 9]);
});

test("the same journals and order give the same bytes", async () => {
  const world = await aWorld(33);
  const { file } = (await make(world, 10))[0]!;
  const bytes = await readFile(file);
  await rm(file);
  await make(world, 10);
  expect(await readFile(file)).toEqual(bytes);
});

test("damage of any byte is noticed and named, and the checkpoint before it is used", async () => {
  const world = await aWorld(34);
  const { file: before } = (await make(world, 5))[0]!;
  const { file } = (await make(world, 10))[0]!;
  const bytes = await readFile(file);
  const pick = random(34);
  for (let round = 0; round < 60; round += 1) {
    const bad = Buffer.from(bytes);
    const at = pick(bad.length);
    bad[at]! ^= 1 << pick(8);
    await writeFile(file, round % 3 === 0 ? bytes.subarray(0, at) : bad);
    const unsound: string[] = [];
    const [used] = await soundCheckpoints(world.orderLogFile, 10, 1, ({ message }) => unsound.push(message));
    await used!.close();
    expect({ used: used!.file, unsound }, `byte ${at}`).toEqual({
      used: before,
      unsound: [expect.stringContaining(file)],
    });
  }
  const named: string[] = [];
  expect(
    (await make(world, 12, { onUnsound: ({ code }) => named.push(code) })).map(({ batch }) => batch),
  ).toEqual([12, 5]);
  expect(new Set(named)).toEqual(new Set(["CHECKPOINT_DAMAGED"]));
  expect(await names(world)).toEqual(["checkpoint-12.ndjson", "checkpoint-5.ndjson"]);
});

test("a checkpoint of another order log, under another number or of another format is refused", async () => {
  const world = await aWorld(35);
  const [other] = await make(await aWorld(36), 8);
  await copyFile(other!.file, join(world.folder, "checkpoint-8.ndjson"));
  const codes: string[] = [];
  const note = ({ code }: { code: string }) => void codes.push(code);
  expect(await keptCheckpoints(world.orderLogFile, note)).toEqual([]);
  await rename(join(world.folder, "checkpoint-8.ndjson"), join(world.folder, "checkpoint-9.ndjson"));
  expect(await keptCheckpoints(world.orderLogFile, note)).toEqual([]);
  const [own] = await make(world, 10);
  const newer = (await readFile(own!.file, "utf8")).replace('"version":2', '"version":3');
  await writeFile(own!.file, newer);
  await expect(openCheckpoint(own!.file)).rejects.toMatchObject({ code: "CHECKPOINT_VERSION" });
  expect(codes).toEqual(["CHECKPOINT_FOREIGN", "CHECKPOINT_FOREIGN"]);
});

test("a checkpoint of version 1, which knew no solo work, is gone on from as it stands", async () => {
  const world = await aWorld(39, 300, (record) => record.scheme === "pplns");
  const [first] = await make(world, world.batches >> 1);
  await writeFile(first!.file, asVersion1(await readFile(first!.file, "utf8")));
  await make(world, world.batches);
  const [whole, continued] = [await fromTheStart(world), await fromTheNewest(world)];
  expect(continued.blocks).toEqual(whole.blocks);
  expect(continued.sums.sums).toEqual(whole.sums.sums);
  expect(continued.ledger.works).toEqual(whole.ledger.works);
});

/** The lines that a pool without solo work wrote, and its end. */
function asVersion1(text: string): string {
  const above = text
    .replace('"version":2', '"version":1')
    .replaceAll('"scheme":"pplns",', "")
    .replace(/[^\n]*\n$/, "");
  const sha256 = createHash("sha256").update(above).digest("hex");
  return `${above}${JSON.stringify({ kind: "end", sha256 })}\n`;
}

test("sums of shares whose days are over leave the checkpoint, and do not come back", async () => {
  const world = await aWorld(37);
  const all = await fromTheStart(world);
  const days = [...new Set([...all.sums.sums.values()].map(({ day }) => day))].sort((a, b) => a - b);
  const middle = days[days.length >> 1]!;
  await make(world, 5);
  await make(world, world.batches, { firstDay: middle });
  expect((await fromTheNewest(world)).sums.sums).toEqual(
    new Map([...all.sums.sums].filter(([, { day }]) => day >= middle)),
  );
  const [checkpoint] = await soundCheckpoints(world.orderLogFile, world.batches, 1);
  expect(checkpoint!.head.firstDay).toBe(middle);
  await checkpoint!.close();
});

test("a block that is recorded again after the checkpoint counts once", async () => {
  const world = await aWorld(38, 1);
  const log = await openOrderLog(world.orderLogFile);
  const block = aBlock({ hash: aHash("twice") });
  const batches = [block, block].map(async (record) => {
    const { node, epoch, sequence } = world.journals[0]!.append(record);
    return { node, epoch, first: sequence, last: sequence };
  });
  const marks: number[] = [];
  for (const batch of batches) {
    const entry = log.entryFor(await batch);
    await log.append([entry]);
    marks.push(entry.batch);
  }
  await log.close();
  await make(world, marks[0]!);
  expect((await fromTheNewest(world)).blocks).toEqual((await fromTheStart(world)).blocks);
});
