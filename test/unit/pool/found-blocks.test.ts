import { expect, test } from "vitest";
import { readBlock } from "../../../src/bitcoin/block.ts";
import { encodeHeader } from "../../../src/bitcoin/header.ts";
import { buildJob } from "../../../src/jobs/build.ts";
import { createFoundBlocks } from "../../../src/pool/found-blocks.ts";
import { recordOfBlock } from "../../../src/pool/missing-records.ts";
import { emptyWorkBlock, proposeJob } from "../../../src/pool/proposals.ts";
import { aTemplate } from "../../support/jobs.ts";
import { silentLog } from "../../support/silent-log.ts";

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
  const record = recordOfBlock(bytes, { feeMillionths: 10_000, windowThousandths: 4_000 }, 99);
  expect(record).toMatchObject({
    kind: "block",
    height: 321,
    bits: 0x207fffff,
    rewardSats: 5_000_000_000n,
    feeMillionths: 10_000,
    windowThousandths: 4_000,
    timeMs: 99,
  });
});

test.each([
  [null, { kind: "valid" }],
  ["inconclusive-not-best-prevblk", { kind: "outdated" }],
  ["bad-cb-amount", { kind: "refused", reason: "bad-cb-amount" }],
])("a proposal answered with %s is read as it is meant", async (answer, verdict) => {
  expect(await proposeJob(job, new Uint8Array(), async () => answer)).toEqual(verdict);
});
