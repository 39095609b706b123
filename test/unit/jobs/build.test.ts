import { Block, Transaction } from "bitcoinjs-lib";
import { describe, expect, test } from "vitest";
import { readBlock, readCoinbase, serializeBlock } from "../../../src/bitcoin/block.ts";
import { displayHash, sha256d } from "../../../src/bitcoin/hash.ts";
import { merkleBranch, merkleRoot, merkleRootOf } from "../../../src/bitcoin/merkle.ts";
import { targetFromBits } from "../../../src/bitcoin/target.ts";
import { buildJob, maxJobNumber } from "../../../src/jobs/build.ts";
import type { JobData } from "../../../src/jobs/job.ts";
import { createLiveJobs, type LiveJob } from "../../../src/jobs/live-jobs.ts";
import { loadAddon } from "../../../src/native/index.ts";
import { blockFlag, submissionLayout, verdictLayout } from "../../../src/native/layout.ts";
import { aTemplate } from "../../support/jobs.ts";

const addon = loadAddon();
const spec = {
  tag: "/Penstock/",
  split: [{ script: Buffer.from(`0014${"11".repeat(20)}`, "hex"), millionths: "rest" as const }],
};
const issue = { number: 7, tipNumber: 3, clean: true, startTime: 5_000 };

function txidOf(job: JobData): Buffer {
  return sha256d(Buffer.concat([job.coinbase1, Buffer.alloc(12), job.coinbase2]));
}

test("a job says what its template and its issue say", () => {
  const template = aTemplate({ id: "t9", kind: "first", height: 9, minTime: 10, rewardSats: 77n });
  expect(buildJob(template, spec, issue, addon)).toMatchObject({
    ...issue,
    templateId: "t9",
    kind: "first",
    height: 9,
    minTime: 10,
    rewardSats: 77n,
    bits: template.bits,
    previousHash: template.previousHash,
    transactionCount: 0,
    merkleBranch: [],
    witness: false,
  });
});

test.each([
  [0x20000000, 0x20000000],
  [0x3fffe004, 0x20000004],
  [0xffffffff, 0xe0001fff],
  [4, 4],
])("version 0x%s goes out without the bits that miners roll", (version, expected) => {
  expect(buildJob(aTemplate({ version }), spec, issue, addon).version).toBe(expected);
});

test("a job does not start before the earliest time that the network allows", () => {
  expect(buildJob(aTemplate({ minTime: 6_000 }), spec, issue, addon).startTime).toBe(6_000);
});

test("coinbase and branch lead to the merkle root of all transactions, for any number of them", () => {
  for (const count of [0, 1, 2, 3, 7, 100]) {
    const txids = Buffer.concat(Array.from({ length: count }, (_, i) => sha256d(Buffer.of(i))));
    const transactions = { ...aTemplate().transactions, count, txids };
    const job = buildJob(aTemplate({ transactions }), spec, issue, addon);
    expect(job.merkleBranch).toEqual(merkleBranch(txids));
    expect(merkleRoot(txidOf(job), job.merkleBranch)).toEqual(
      merkleRootOf(Buffer.concat([txidOf(job), txids])),
    );
    expect(job.transactionCount).toBe(count);
  }
});

describe("work never repeats", () => {
  test("two jobs of one template have different coinbases for the same extranonces", () => {
    const template = aTemplate();
    const [first, second] = [7, 8].map((number) => buildJob(template, spec, { ...issue, number }, addon));
    expect(txidOf(first!)).not.toEqual(txidOf(second!));
  });

  test("the whole job number is in the coinbase, up to the last one there is", () => {
    const job = buildJob(aTemplate(), spec, { ...issue, number: maxJobNumber }, addon);
    const { script } = readCoinbase(Buffer.concat([job.coinbase1, Buffer.alloc(12), job.coinbase2]));
    expect(Buffer.from(script).subarray(-17, -12)).toEqual(Buffer.alloc(5, 0xff));
    expect(() => buildJob(aTemplate(), spec, { ...issue, number: maxJobNumber + 1 }, addon)).toThrow(
      RangeError,
    );
  });
});

test("a judged share of a job completes a block that another reader finds right, roots and all", () => {
  const transactions = Array.from({ length: 5 }, (_, i) => aTransaction(i));
  const txids = transactions.map((transaction) => Buffer.from(transaction.getHash()));
  const template = aTemplate({
    transactions: {
      count: transactions.length,
      data: Buffer.concat(transactions.map((transaction) => transaction.toBuffer())),
      txids: Buffer.concat(txids),
      weight: 0,
      sigops: 0,
    },
    witnessCommitment: commitmentTo(transactions),
  });
  const job = createLiveJobs({ addon, maxJobs: 1, onTipsDropped() {} }).add(
    buildJob(template, spec, issue, addon),
  );
  const { header, hash, extranonces } = solve(job);

  const bytes = serializeBlock({
    header,
    coinbase: Buffer.concat([job.data.coinbase1, extranonces, job.data.coinbase2]),
    witness: job.data.witness,
    transactionCount: job.data.transactionCount,
    transactions: template.transactions.data,
  });
  const block = Block.fromBuffer(bytes);
  expect(block.getId()).toBe(displayHash(hash));
  expect(block.checkTxRoots()).toBe(true);
  expect(block.hasWitness()).toBe(true);
  expect(block.checkProofOfWork()).toBe(true);
  expect(readBlock(bytes)).toMatchObject({
    hash: sha256d(header),
    transactionCount: 6,
    header: { time: 6_000 },
  });
});

/** Tries nonces until the native judge says block; on regtest every second one is. */
function solve(job: LiveJob) {
  const submission = Buffer.alloc(submissionLayout.size);
  const extranonces = Buffer.from("000102030405060708090a0b", "hex");
  extranonces.copy(submission, submissionLayout.extranonce1);
  submission.writeUInt32LE(6_000, submissionLayout.ntime);
  submission.writeUInt32LE(0xffffffff, submissionLayout.ntimeMax);
  submission.set(targetFromBits(job.data.bits).bytes, submissionLayout.target);
  const verdict = Buffer.alloc(verdictLayout.size);
  const seen = addon.createSeenWindow(100);
  for (let nonce = 0; ; nonce++) {
    submission.writeUInt32LE(nonce, submissionLayout.nonce);
    if (addon.judge(job.prepared, seen, submission, verdict) === blockFlag) break;
    if (nonce === 100) throw new Error("a hundred nonces and no block");
  }
  const header = verdict.subarray(verdictLayout.header, verdictLayout.header + 80);
  return { header, hash: verdict.subarray(verdictLayout.hash, verdictLayout.hash + 32), extranonces };
}

function aTransaction(number: number): Transaction {
  const transaction = new Transaction();
  transaction.addInput(sha256d(Buffer.of(number)), 0);
  transaction.setWitness(0, [Buffer.of(number)]);
  transaction.addOutput(Buffer.of(0x51), BigInt(number));
  return transaction;
}

/** BIP 141: of the root over witness txids, zero standing for the coinbase, and the reserved value. */
function commitmentTo(transactions: readonly Transaction[]): Buffer {
  const wtxids = transactions.map((transaction) => transaction.getHash(true));
  const root = merkleRootOf(Buffer.concat([Buffer.alloc(32), ...wtxids]));
  const commitment = sha256d(Buffer.concat([root, Buffer.alloc(32)]));
  return Buffer.concat([Buffer.from("6a24aa21a9ed", "hex"), commitment]);
}

test("a template that leaves no room for the coinbase makes no job", () => {
  expect(() => buildJob(aTemplate({ weightLimit: 500 }), spec, issue, addon)).toThrow(
    expect.objectContaining({ code: "COINBASE_OVER_WEIGHT" }),
  );
});
