/**
 * The 80-byte block header.
 *
 *    0  version        u32 little-endian
 *    4  previous hash  32 bytes
 *   36  merkle root    32 bytes
 *   68  time           u32, seconds since 1970
 *   72  bits           u32, compact target
 *   76  nonce          u32
 */
import { PoolError } from "../errors.ts";

export const headerLength = 80;

/** Version bits that miners may roll (BIP 320), where no others are set. */
export const versionRollingMask = 0x1fffe000;

/** Integers are unsigned 32 bit; hashes in internal order. */
export interface BlockHeader {
  readonly version: number;
  readonly previousHash: Uint8Array;
  readonly merkleRoot: Uint8Array;
  readonly time: number;
  readonly bits: number;
  readonly nonce: number;
}

export function encodeHeader(header: BlockHeader): Buffer {
  const bytes = Buffer.alloc(headerLength);
  bytes.writeUInt32LE(header.version, 0);
  bytes.set(hash32(header.previousHash, "previous hash"), 4);
  bytes.set(hash32(header.merkleRoot, "merkle root"), 36);
  bytes.writeUInt32LE(header.time, 68);
  bytes.writeUInt32LE(header.bits, 72);
  bytes.writeUInt32LE(header.nonce, 76);
  return bytes;
}

/** @throws PoolError HEADER_MALFORMED unless there are exactly 80 bytes. */
export function decodeHeader(bytes: Uint8Array): BlockHeader {
  if (bytes.length !== headerLength) throw malformed(`it has ${bytes.length} bytes instead of 80`);
  const copy = Buffer.from(bytes);
  return {
    version: copy.readUInt32LE(0),
    previousHash: copy.subarray(4, 36),
    merkleRoot: copy.subarray(36, 68),
    time: copy.readUInt32LE(68),
    bits: copy.readUInt32LE(72),
    nonce: copy.readUInt32LE(76),
  };
}

function hash32(bytes: Uint8Array, name: string): Uint8Array {
  if (bytes.length !== 32) throw malformed(`its ${name} has ${bytes.length} bytes instead of 32`);
  return bytes;
}

function malformed(detail: string): PoolError {
  return new PoolError(
    "HEADER_MALFORMED",
    `A block header is wrong: ${detail}.`,
    "This is a bug; please report it.",
  );
}
