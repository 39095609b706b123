import { expect, test } from "vitest";
import { addressOf, parseAddress } from "../../../src/bitcoin/address.ts";
import { readBlock } from "../../../src/bitcoin/block.ts";
import { encodeHeader } from "../../../src/bitcoin/header.ts";
import { buildJob } from "../../../src/jobs/build.ts";
import { soloJob } from "../../../src/jobs/solo-coinbase.ts";
import { wideJob } from "../../../src/jobs/wide-job.ts";
import { createFoundBlocks } from "../../../src/pool/found-blocks.ts";
import { recordOfBlock } from "../../../src/pool/missing-records.ts";
import { emptyWorkBlock, proposeJob } from "../../../src/pool/proposals.ts";
import { aTemplate } from "../../support/jobs.ts";
import { silentLog } from "../../support/silent-log.ts";

const miner = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const script = Buffer.concat([Buffer.from("0014", "hex"), Buffer.alloc(20, 7)]);
const job = buildJob(
  aTemplate({ height: 321 }),
  { tag: "/test/", split: [{ script, millionths: "rest" }] },
  { number: 1, tipNumber: 1, clean: true, startTime: 2_000 },
  { merkleBranch: () => [] },
);
const hash = Buffer.alloc(32, 5);
const header = encodeHeader({
  version: 0x20000000,
  previousHash: Buffer.alloc(32, 1),
  merkleRoot: Buffer.alloc(32, 2),
  time: 2_000,
  bits: 0x207fffff,
  nonce: 7,
});
const found = { hash, header, job, extranonce1: Buffer.alloc(4, 1), extranonce2: Buffer.alloc(8, 2) };

function blocksWith(store: (hash: Uint8Array, bytes: Uint8Array) => "stored" | "known") {
  const sent: { stored: boolean; bytes: Uint8Array }[] = [];
  const storeBlock = createFoundBlocks({
    readTransactions: () => new Uint8Array(),
    store,
    send: (block) => sent.push(block),
    log: silentLog,
  });
  return { storeBlock, sent };
}

test("a solved hash becomes a whole block that is stored before it is sent", () => {
  const order: string[] = [];
  const { storeBlock, sent } = blocksWith(() => {
    order.push(`store, ${sent.length} sent before`);
    return "stored";
  });
  expect(storeBlock(found)).toBe("stored");
  expect(order).toEqual(["store, 0 sent before"]);
  expect(sent).toHaveLength(1);
  const block = readBlock(sent[0]!.bytes);
  expect(block.transactionCount).toBe(1);
  expect(block.coinbase.outputs).toMatchObject([{ valueSats: 5_000_000_000n }]);
});

test("the block of a wide job has all 16 bytes of its extranonce2, as its proposal has", () => {
  const { sent, storeBlock } = blocksWith(() => "stored");
  const wide = wideJob(job)!;
  expect(storeBlock({ ...found, job: wide, extranonce2: Buffer.alloc(16, 3) })).toBe("stored");
  const bytes = [sent[0]!.bytes, emptyWorkBlock(wide, new Uint8Array())];
  const scripts = bytes.map((block) => Buffer.from(readBlock(block).coinbase.script));
  expect(scripts.map((script) => script.subarray(-20).toString("hex"))).toEqual([
    `01010101${"03".repeat(16)}`,
    "00".repeat(20),
  ]);
  expect(scripts.map((script) => script.length)).toEqual(Array(2).fill(3 + 1 + 6 + 26));
});

test("a block that the disk refuses is sent all the same, from memory", () => {
  const { storeBlock, sent } = blocksWith(() => {
    throw new Error("ENOSPC");
  });
  expect(storeBlock(found)).toBe("stored");
  expect(sent).toMatchObject([{ stored: false }]);
});

test("a block that is stored already is not sent again", () => {
  const { storeBlock, sent } = blocksWith(() => "known");
  expect(storeBlock(found)).toBe("known");
  expect(sent).toEqual([]);
});

test("the journal record of a block can be made anew from the stored block alone", () => {
  const bytes = emptyWorkBlock(job, new Uint8Array());
  const record = recordOfBlock(bytes, { feeMillionths: 10_000, windowThousandths: 4_000 }, 99, "regtest");
  expect(record).toMatchObject({
    kind: "block",
    scheme: "pplns",
    height: 321,
    bits: 0x207fffff,
    rewardSats: 5_000_000_000n,
    feeMillionths: 10_000,
    windowThousandths: 4_000,
    timeMs: 99,
  });
});

test("a found solo block pays its miner, and its record is made anew from it alone, whatever the terms are now", () => {
  const { sent, storeBlock } = blocksWith(() => "stored");
  const payee = parseAddress(miner, "regtest");
  if (!payee.ok) throw new Error(payee.sentence);
  const terms = { feeMillionths: 20_000, split: [{ script, millionths: "rest" as const }] };
  expect(storeBlock({ ...found, job: soloJob(job, payee.script, terms, 750) })).toBe("stored");
  const { bytes } = sent[0]!;
  expect(readBlock(bytes).coinbase.outputs).toEqual([
    { valueSats: 4_900_000_000n, script: Buffer.from(payee.script) },
    { valueSats: 100_000_000n, script },
  ]);
  const now = { feeMillionths: 10_000, windowThousandths: 4_000 };
  const record = recordOfBlock(bytes, now, 99, "regtest");
  expect(record).toMatchObject({
    kind: "block",
    scheme: "solo",
    rewardSats: 5_000_000_000n,
    feeSats: 100_000_000n,
    account: miner,
    worker: "",
  });
  expect(record).not.toHaveProperty("feeMillionths");
});

test("a solo miner who is paid at the pool's own address is a solo miner still", () => {
  const terms = { feeMillionths: 0, split: [{ script, millionths: "rest" as const }] };
  const bytes = emptyWorkBlock(soloJob(job, script, terms, 750), new Uint8Array());
  const now = { feeMillionths: 10_000, windowThousandths: 4_000 };
  expect(recordOfBlock(bytes, now, 99, "regtest")).toMatchObject({
    scheme: "solo",
    feeSats: 0n,
    account: addressOf(script, "regtest"),
  });
});

test.each([
  [null, { kind: "valid" }],
  ["inconclusive-not-best-prevblk", { kind: "outdated" }],
  ["duplicate", { kind: "valid" }],
  ["duplicate-inconclusive", { kind: "outdated" }],
  ["duplicate-invalid", { kind: "refused", reason: "duplicate-invalid" }],
  ["bad-cb-amount", { kind: "refused", reason: "bad-cb-amount" }],
])("a proposal answered with %s is read as it is meant", async (answer, verdict) => {
  expect(await proposeJob(job, new Uint8Array(), async () => answer)).toEqual(verdict);
});
