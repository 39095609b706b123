import { expect, test } from "vitest";
import { workOf } from "../../../src/bitcoin/target.ts";
import { MemoryLedger } from "../../../src/ledger/memory.ts";
import { creditsOf, emptyPplns, foldRecords, windowWork } from "../../../src/ledger/pplns.ts";
import {
  aBatch,
  aBlock,
  aHash,
  aShare,
  aSoloBlock,
  aStream,
  easyBits,
  inBatches,
  random,
  startMs,
  targetOfWork,
} from "../../support/ledger-records.ts";

const networkWork = windowWork({ bits: easyBits, windowThousandths: 1000 });

function rebuilt(batches: ReturnType<typeof inBatches>): MemoryLedger {
  const ledger = new MemoryLedger();
  for (const batch of batches) ledger.apply(batch);
  return ledger;
}

function only(ledger: MemoryLedger) {
  expect(ledger.blocks.size).toBe(1);
  return [...ledger.blocks.values()][0]!;
}

test("the window is the network's work per block times the multiple, as chain work is defined", () => {
  expect(networkWork).toBe(workOf(0xffffn << 224n));
  expect(windowWork({ bits: easyBits, windowThousandths: 2500 })).toBe((networkWork * 2500n) / 1000n);
});

test("a window that reaches beyond all work takes all of it and every satoshi is given away", () => {
  const records = [
    aShare({ account: "alice", target: targetOfWork(3n) }),
    aShare({ account: "bob", target: targetOfWork(1n) }),
    aBlock({ rewardSats: 1001n, feeMillionths: 1_000_000 / 100 }),
  ];
  const { feeSats, lines } = only(rebuilt([aBatch(records)]));
  // 1 % of 1001 rounded down is 10; 991 over 3 : 1 is 743.25 and 247.75, and the satoshi goes to the larger remainder.
  expect(feeSats).toBe(10n);
  expect(lines.map(({ account, sats }) => [account, sats])).toEqual([
    ["alice", 743n],
    ["bob", 248n],
  ]);
});

test("a block in an empty window belongs to the fee account", () => {
  const { feeSats, lines } = only(rebuilt([aBatch([aBlock({ rewardSats: 77n })])]));
  expect({ feeSats, lines }).toEqual({ feeSats: 77n, lines: [] });
});

test("the window ends exactly at the block's own position", () => {
  const records = [
    aShare({ account: "before" }),
    aBlock({ hash: aHash("the block") }),
    aShare({ account: "after" }),
  ];
  const { lines } = only(rebuilt([aBatch(records)]));
  expect(lines.map(({ account }) => account)).toEqual(["before"]);
});

test("the oldest slice is cut pro rata in integers, and the window's work is exact", () => {
  const minute = (n: number) => startMs + n * 60_000;
  const half = networkWork / 2n;
  const records = [
    aShare({ account: "old-a", timeMs: minute(0), target: targetOfWork(half) }),
    aShare({ account: "old-b", timeMs: minute(0), target: targetOfWork(half / 3n) }),
    aShare({ account: "new", timeMs: minute(1), target: targetOfWork(half) }),
    aBlock({ windowThousandths: 1000 }),
  ];
  const { lines, window } = only(rebuilt([aBatch(records)]));
  const work = new Map(lines.map((line) => [line.account, line.work]));
  expect([...work.values()].reduce((sum, part) => sum + part, 0n)).toBe(window!.asked);
  expect(work.get("new")).toBe(targetOfWork(half).work);
  // 3 : 1 within the cut slice, to one unit of work.
  expect(Math.abs(Number(work.get("old-a")! - 3n * work.get("old-b")!))).toBeLessThanOrEqual(4);
});

test("the same stream gives the same books wherever its batches begin and end", () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const records = aStream(seed, 400);
    const whole = rebuilt([aBatch(records)]);
    const cut = rebuilt(inBatches(records, seed * 7, 30));
    expect(cut.pplns, `seed ${seed}`).toEqual(whole.pplns);
    expect(cut.works).toEqual(whole.works);
    const credits = (ledger: MemoryLedger) =>
      [...ledger.blocks.values()].map(({ feeSats, lines, position }) => ({ feeSats, lines, position }));
    expect(credits(cut)).toEqual(credits(whole));
  }
});

test("slices always hold the works of their accounts, and every block's credits sum to what it paid the pool", () => {
  for (let seed = 100; seed <= 120; seed += 1) {
    const ledger = rebuilt(inBatches(aStream(seed, 500), seed));
    for (const slice of ledger.pplns.slices) {
      const works = [...ledger.works.get(slice.id)!.values()];
      expect(works.reduce((sum, work) => sum + work, 0n)).toBe(slice.work);
    }
    expect(ledger.works.size).toBe(ledger.pplns.slices.length);
    for (const { record, feeSats, lines } of ledger.blocks.values()) {
      const paidSats = record.scheme === "solo" ? record.feeSats : record.rewardSats;
      expect(lines.reduce((sum, { sats }) => sum + sats, feeSats)).toBe(paidSats);
    }
  }
});

test("solo shares and blocks change nothing of PPLNS, wherever they stand in the stream", () => {
  for (let seed = 200; seed <= 240; seed += 1) {
    const records = aStream(seed, 400);
    expect(records.filter(({ scheme }) => scheme === "solo").length).toBeGreaterThan(20);
    const mixed = rebuilt(inBatches(records, seed));
    const pure = rebuilt([aBatch(records.filter(({ scheme }) => scheme === "pplns"))]);
    expect(mixed.pplns, `seed ${seed}`).toEqual(pure.pplns);
    expect(mixed.works).toEqual(pure.works);
    const credits = ({ blocks }: MemoryLedger) =>
      [...blocks.values()].flatMap(({ record, window, feeSats, lines }) =>
        record.scheme === "pplns" ? [{ record, window, feeSats, lines }] : [],
      );
    expect(credits(mixed)).toEqual(credits(pure));
  }
});

test("a solo miner is never in the window, and its block leaves the pool its fee, without a window", () => {
  const records = [
    aShare({ account: "pooled" }),
    aShare({ account: "alone", scheme: "solo", target: targetOfWork(1_000_000n) }),
    aSoloBlock({ account: "alone", rewardSats: 1_000n, feeSats: 7n, hash: aHash("alone") }),
    aShare({ account: "pooled" }),
    aBlock({ hash: aHash("pooled") }),
  ];
  const ledger = rebuilt([aBatch(records)]);
  const [alone, pooled] = ["alone", "pooled"].map((name) => ledger.blocks.get(aHash(name).toString("hex"))!);
  expect(alone).toMatchObject({ feeSats: 7n, lines: [], window: undefined });
  expect(pooled!.lines.map(({ account, work }) => [account, work])).toEqual([["pooled", 2_000n]]);
  expect(ledger.shares).toBe(3);
});

test("a solo block that is recorded twice counts once", () => {
  const block = aSoloBlock();
  expect(rebuilt([aBatch([block, block]), aBatch([block], { first: 3 })]).blocks.size).toBe(1);
});

test("minutes are merged into hours and hours into days, so that years stay small", () => {
  const records = Array.from({ length: 60 * 24 * 60 }, (_, minute) =>
    aShare({ hash: aHash("x"), timeMs: startMs + minute * 60_000, account: `a${minute % 3}` }),
  );
  const ledger = rebuilt([aBatch(records)]);
  const countOf = (wanted: string) => ledger.pplns.slices.filter(({ span }) => span === wanted).length;
  expect(countOf("minute")).toBeLessThanOrEqual(5 * 60);
  expect(countOf("hour")).toBeLessThanOrEqual(8 * 24);
  expect(countOf("day")).toBeLessThanOrEqual(54);
  const total = ledger.pplns.slices.reduce((sum, { work }) => sum + work, 0n);
  expect(total).toBe(BigInt(records.length) * records[0]!.target.work);
});

test("a clock that was years ahead for one share does not keep later minutes from being merged", () => {
  const wild = aShare({ timeMs: startMs + 40 * 365 * 86_400_000 });
  const later = Array.from({ length: 60 * 48 }, (_, minute) => aShare({ timeMs: startMs + minute * 60_000 }));
  const ledger = rebuilt([aBatch([aShare(), wild, ...later])]);
  expect(ledger.pplns.slices.length).toBeLessThan(5 * 60 + 60);
});

test("slices beyond eight times the largest window are dropped when a block is found", () => {
  const records = Array.from({ length: 200 }, (_, minute) => [
    aShare({ timeMs: startMs + minute * 60_000, target: targetOfWork(networkWork) }),
    aBlock({ hash: aHash(`b${minute}`), windowThousandths: 1000 }),
  ]).flat();
  const ledger = rebuilt(inBatches(records, 3));
  expect(ledger.pplns.slices.length).toBeLessThanOrEqual(9);
});

test("a block that is recorded again is not credited again", () => {
  const block = aBlock();
  const share = aShare();
  const { steps } = foldRecords(emptyPplns, [share, block, block], () => false);
  expect(steps.filter(({ kind }) => kind === "block")).toHaveLength(1);
  const again = foldRecords(emptyPplns, [share, block], () => true);
  expect(again.steps.filter(({ kind }) => kind === "block")).toHaveLength(0);
});

test("equal remainders are served by address, whatever the order of the works", () => {
  const works = [
    ["carol", 1n],
    ["alice", 1n],
    ["bob", 1n],
  ] as const;
  const { lines } = creditsOf({ rewardSats: 100n, feeMillionths: 0 }, new Map(works));
  expect(lines.map(({ account, sats }) => [account, sats])).toEqual([
    ["alice", 34n],
    ["bob", 33n],
    ["carol", 33n],
  ]);
});

test("a hopper who mines only right after blocks earns no more than its share of the work", () => {
  const pick = random(11);
  const share = targetOfWork(networkWork / 50n);
  const mined = { loyal: 0n, hopper: 0n };
  const records = [];
  let sinceBlock = 0;
  for (let index = 0; index < 30_000; index += 1) {
    // Twice the pool's power while it hops in, which is the first half of an average round.
    const miners = sinceBlock < 50 ? (["loyal", "hopper"] as const) : (["loyal"] as const);
    for (const account of miners) {
      mined[account] += share.work;
      records.push(aShare({ hash: aHash("x"), account, target: share, timeMs: startMs + index * 20_000 }));
      sinceBlock += 1;
      if (pick(50) !== 0) continue;
      records.push(
        aBlock({ hash: aHash(`hop ${index} ${account}`), feeMillionths: 0, windowThousandths: 2000 }),
      );
      sinceBlock = 0;
    }
  }
  const ledger = rebuilt([aBatch(records)]);
  const paid = { loyal: 0n, hopper: 0n };
  for (const { lines } of ledger.blocks.values()) {
    for (const { account, sats } of lines) paid[account as "loyal" | "hopper"] += sats;
  }
  const perWork = (account: "loyal" | "hopper") => Number(paid[account]) / Number(mined[account]);
  expect(perWork("hopper") / perWork("loyal")).toBeLessThan(1.03);
});
