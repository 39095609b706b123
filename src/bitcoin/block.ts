/** Whole blocks: put together when a share solved one, and taken apart far enough to check what is in it. */
import { PoolError } from "../errors.ts";
import { ByteReader, encodeVarint } from "./bytes.ts";
import { sha256d } from "./hash.ts";
import { type BlockHeader, decodeHeader, headerLength } from "./header.ts";

/** BIP 141: the coinbase's witness is one item of 32 bytes, the reserved value, which is zero today. */
const coinbaseWitness = Buffer.concat([Buffer.of(1, 32), Buffer.alloc(32)]);
const segwitMarkerAndFlag = Buffer.of(0, 1);
/** Bytes that a coinbase's witness adds to a block; a quarter of a vbyte each. */
export const coinbaseWitnessBytes = segwitMarkerAndFlag.length + coinbaseWitness.length;

const versionLength = 4;
const lockTimeLength = 4;

export interface BlockParts {
  /** 80 bytes. */
  readonly header: Uint8Array;
  /** The coinbase without witness, as its txid sees it. */
  readonly coinbase: Uint8Array;
  /** Whether the coinbase carries the witness reserved value: exactly when it has a witness commitment (BIP 141). */
  readonly witness: boolean;
  /** Without the coinbase. */
  readonly transactionCount: number;
  /** The other transactions with their witnesses, back to back. */
  readonly transactions: Uint8Array;
}

export function serializeBlock(parts: BlockParts): Buffer {
  if (parts.header.length !== headerLength) throw malformed("its header does not have 80 bytes");
  return Buffer.concat([
    parts.header,
    encodeVarint(1 + parts.transactionCount),
    ...(parts.witness ? withWitness(parts.coinbase) : [parts.coinbase]),
    parts.transactions,
  ]);
}

/** BIP 144: marker and flag after the version, the witness before the lock time. */
function withWitness(coinbase: Uint8Array): Uint8Array[] {
  const end = coinbase.length - lockTimeLength;
  return [
    coinbase.subarray(0, versionLength),
    segwitMarkerAndFlag,
    coinbase.subarray(versionLength, end),
    coinbaseWitness,
    coinbase.subarray(end),
  ];
}

export interface Output {
  readonly valueSats: bigint;
  readonly script: Uint8Array;
}

export interface Coinbase {
  readonly version: number;
  /** The input's script: height, tag, extranonces. */
  readonly script: Uint8Array;
  readonly sequence: number;
  readonly outputs: readonly Output[];
  /** Items of the input's witness; empty when there is none. */
  readonly witness: readonly Uint8Array[];
  readonly lockTime: number;
  /** 32 bytes, internal order. */
  readonly txid: Uint8Array;
}

export interface ReadBlock {
  readonly header: BlockHeader;
  /** 32 bytes, internal order. */
  readonly hash: Uint8Array;
  /** With the coinbase. */
  readonly transactionCount: number;
  readonly coinbase: Coinbase;
}

/**
 * Reads a block's header, count and coinbase; what follows is not looked at.
 * @throws PoolError BYTES_MALFORMED or BLOCK_MALFORMED if the bytes do not start with these.
 */
export function readBlock(bytes: Uint8Array): ReadBlock {
  const reader = new ByteReader(bytes);
  const header = reader.take(headerLength);
  const transactionCount = reader.varint();
  const coinbase = readCoinbase(reader);
  return { header: decodeHeader(header), hash: sha256d(header), transactionCount, coinbase };
}

/** @throws PoolError as readBlock does. */
export function readCoinbase(source: ByteReader | Uint8Array): Coinbase {
  const reader = source instanceof ByteReader ? source : new ByteReader(source);
  const version = reader.take(versionLength);
  const hasWitness = reader.peek() === segwitMarkerAndFlag[0];
  if (hasWitness && !reader.take(2).equals(segwitMarkerAndFlag)) throw malformed("unknown transaction flag");

  const body = readBody(reader);
  const witness = hasWitness ? Array.from({ length: reader.count(1) }, () => reader.varbytes()) : [];
  const lockTime = reader.take(lockTimeLength);
  return {
    version: version.readUInt32LE(),
    script: body.script,
    sequence: body.sequence,
    outputs: body.outputs,
    witness,
    lockTime: lockTime.readUInt32LE(),
    txid: sha256d(Buffer.concat([version, body.bytes, lockTime])),
  };
}

/** Inputs and outputs, with the bytes they were read from. */
function readBody(reader: ByteReader) {
  const start = reader.offset;
  if (reader.varint() !== 1) throw malformed("the first transaction does not have exactly one input");
  if (!reader.take(36).equals(nullOutpoint)) throw malformed("the first transaction spends an output");
  const script = reader.varbytes();
  const sequence = reader.u32();
  const outputs = Array.from({ length: reader.count(leastOutputBytes) }, () => ({
    valueSats: reader.u64(),
    script: reader.varbytes(),
  }));
  return { script, sequence, outputs, bytes: reader.since(start) };
}

/** A value of eight bytes and an empty script. */
const leastOutputBytes = 9;

const nullOutpoint = Buffer.concat([Buffer.alloc(32), Buffer.alloc(4, 0xff)]);

function malformed(detail: string): PoolError {
  return new PoolError(
    "BLOCK_MALFORMED",
    `These bytes are not a block: ${detail}.`,
    "Check where they come from: the node's answer or the block's file.",
  );
}
