import { readFileSync } from "node:fs";
import { Block, Transaction } from "bitcoinjs-lib";
import { describe, expect, test } from "vitest";
import { readBlock, readCoinbase, serializeBlock } from "../../../src/bitcoin/block.ts";
import { displayHash, sha256d } from "../../../src/bitcoin/hash.ts";
import { merkleRootOf } from "../../../src/bitcoin/merkle.ts";
import { readHeight } from "../../../src/bitcoin/script.ts";

/** Mainnet's first block. */
const genesis = Buffer.from(
  "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f61" +
    "7fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c010100000001000000000000000000000000000000000000" +
    "0000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f3230303920436861" +
    "6e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f205" +
    "2a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e5" +
    "1ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000",
  "hex",
);

/** A chain that Bitcoin Core made, from height 1, each with a witness commitment. */
const signetBlocks = readFileSync(new URL("../../vectors/signet-blocks.hex", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => Buffer.from(line, "hex"));

const malformed = expect.objectContaining({ code: expect.stringMatching(/^(BLOCK|BYTES)_MALFORMED$/) });

describe("mainnet's first block", () => {
  const block = readBlock(genesis);

  test("reads as everybody knows it", () => {
    expect(displayHash(block.hash)).toBe("000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f");
    expect(block).toMatchObject({ transactionCount: 1, header: { time: 1231006505, nonce: 2083236893 } });
    expect(Buffer.from(block.coinbase.script).toString("latin1")).toContain(
      "Chancellor on brink of second bailout",
    );
    expect(block.coinbase.outputs.map(({ valueSats }) => valueSats)).toEqual([5_000_000_000n]);
    expect(block.coinbase).toMatchObject({ version: 1, sequence: 0xffffffff, witness: [], lockTime: 0 });
  });

  test("its coinbase's txid is its merkle root", () => {
    expect(block.coinbase.txid).toEqual(block.header.merkleRoot);
  });

  test("put together from its parts it is the same bytes", () => {
    const parts = { header: genesis.subarray(0, 80), coinbase: genesis.subarray(81), witness: false };
    expect(serializeBlock({ ...parts, transactionCount: 0, transactions: Buffer.alloc(0) })).toEqual(genesis);
  });
});

describe("blocks with witnesses", () => {
  test("are read as bitcoinjs-lib reads them", () => {
    for (const [index, bytes] of signetBlocks.entries()) {
      const block = readBlock(bytes);
      const reference = Block.fromBuffer(bytes);
      const [coinbase] = reference.transactions!;
      expect(displayHash(block.hash)).toBe(reference.getId());
      expect(displayHash(block.coinbase.txid)).toBe(coinbase!.getId());
      expect(readHeight(block.coinbase.script)).toBe(index + 1);
      expect(block.coinbase.witness).toEqual([Buffer.alloc(32)]);
      expect(block.coinbase.outputs.map(({ valueSats }) => valueSats)).toEqual(
        coinbase!.outs.map(({ value }) => value),
      );
      expect(block.transactionCount).toBe(reference.transactions!.length);
    }
  });

  test("are put together as Bitcoin Core did it", () => {
    for (const bytes of signetBlocks) {
      const [coinbase, ...others] = Block.fromBuffer(bytes).transactions!;
      const stripped = Transaction.fromBuffer(coinbase!.toBuffer());
      stripped.stripWitnesses();
      const block = serializeBlock({
        header: bytes.subarray(0, 80),
        coinbase: stripped.toBuffer(),
        witness: true,
        transactionCount: others.length,
        transactions: Buffer.concat(others.map((transaction) => transaction.toBuffer())),
      });
      expect(block).toEqual(bytes);
    }
  });
});

test("a block of many transactions is whole and in order for another reader", () => {
  const transactions = Array.from({ length: 300 }, (_, i) => aTransaction(i));
  const coinbase = genesis.subarray(81);
  const txids = [sha256d(coinbase), ...transactions.map((bytes) => sha256d(bytes))];
  const header = Buffer.concat([
    genesis.subarray(0, 36),
    merkleRootOf(Buffer.concat(txids)),
    genesis.subarray(68, 80),
  ]);
  const block = Block.fromBuffer(
    serializeBlock({
      header,
      coinbase,
      witness: true,
      transactionCount: transactions.length,
      transactions: Buffer.concat(transactions),
    }),
  );
  expect(block.transactions!.map((transaction) => transaction.getId())).toEqual(txids.map(displayHash));
  expect(block.checkTxRoots()).toBe(false); // a witness without a commitment is for the caller not to do
  expect(block.transactions![0]!.ins[0]!.witness).toEqual([Buffer.alloc(32)]);
});

describe("damaged blocks are refused", () => {
  test("cut at any byte up to the end of the coinbase", () => {
    for (const bytes of [genesis, signetBlocks[0]!]) {
      for (let length = 0; length < bytes.length; length++) {
        expect(() => readBlock(bytes.subarray(0, length)), `cut at ${length}`).toThrow(malformed);
      }
    }
  });

  test.each([
    ["two inputs", 85, "02"],
    ["a spent output", 86, "01"],
    ["a count of outputs beyond the bytes", genesis.indexOf(Buffer.from("0100f2052a", "hex")), "fe"],
    ["an unknown transaction flag", 85, "0002"],
  ])("%s", (_, offset, hex) => {
    const bytes = Buffer.from(genesis);
    bytes.set(Buffer.from(hex, "hex"), offset);
    expect(() => readBlock(bytes)).toThrow(malformed);
  });

  test("a header of another length is not put into a block", () => {
    const parts = { coinbase: genesis.subarray(81), witness: false, transactionCount: 0 };
    expect(() =>
      serializeBlock({ ...parts, header: Buffer.alloc(79), transactions: Buffer.alloc(0) }),
    ).toThrow(malformed);
  });
});

test("a coinbase can be read alone", () => {
  expect(readCoinbase(genesis.subarray(81)).outputs).toHaveLength(1);
});

function aTransaction(number: number): Buffer {
  const transaction = new Transaction();
  transaction.addInput(sha256d(Buffer.of(number & 0xff, number >> 8)), 0);
  transaction.addOutput(Buffer.of(0x51), BigInt(number));
  return Buffer.from(transaction.toBuffer());
}
