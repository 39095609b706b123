import { targetFromBits } from "../../../src/bitcoin/target.ts";

export const bits = 0x17034219;

/** A getblocktemplate answer as Bitcoin Core gives it, as a plain value to be changed. */
export function anAnswer(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    capabilities: ["proposal"],
    version: 0x20000000,
    rules: ["csv", "!segwit", "taproot"],
    vbavailable: {},
    vbrequired: 0,
    previousblockhash: `${"0".repeat(60)}beef`,
    transactions: [aTransaction("01"), aTransaction("02", { depends: [1] })],
    coinbaseaux: {},
    coinbasevalue: 312_512_345,
    longpollid: `${"0".repeat(60)}beef17`,
    target: targetFromBits(bits).value.toString(16).padStart(64, "0"),
    mintime: 1_750_000_001,
    mutable: ["time", "transactions", "prevblock"],
    noncerange: "00000000ffffffff",
    sigoplimit: 80_000,
    sizelimit: 4_000_000,
    weightlimit: 4_000_000,
    curtime: 1_750_000_600,
    bits: bits.toString(16),
    height: 900_001,
    default_witness_commitment: `6a24aa21a9ed${"5c".repeat(32)}`,
    ...changes,
  };
}

/** @param byte two hex digits that mark it. */
export function aTransaction(byte: string, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    data: byte.repeat(70),
    txid: `${"0".repeat(62)}${byte}`,
    hash: `${"1".repeat(62)}${byte}`,
    depends: [],
    fee: 1_000,
    sigops: 3,
    weight: 280,
    ...changes,
  };
}
