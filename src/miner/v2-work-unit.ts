/** Pure: from a V2 job to headers that can be scanned. */
import { encodeHeader } from "../bitcoin/header.ts";
import type { LapTimes } from "./rolling.ts";
import { counterBytes, lowestBits, spread } from "./rolling.ts";

/** A job with its tip: what a channel works on. */
export interface V2Job {
  readonly jobId: number;
  readonly version: number;
  /** Version bits that may be rolled; 0 for none. */
  readonly versionMask: number;
  readonly previousHash: Uint8Array;
  readonly nbits: number;
  /** Seconds since 1970. */
  readonly minNtime: number;
  /** 32 bytes, little-endian. */
  readonly target: Uint8Array;
  /** Bytes that are the miner's own; 0 on a standard channel. */
  readonly extranonceSize: number;
  /** @param extranonce the miner's own part. */
  readonly rootOf: (extranonce: Uint8Array) => Uint8Array;
  /** Shared by all jobs that have the same roots and tip. */
  readonly times: LapTimes;
}

/** One header with all its nonces, and what a share of it is handed in with. */
export interface V2WorkUnit {
  readonly jobId: number;
  readonly version: number;
  readonly ntime: number;
  readonly extranonce: Uint8Array;
  readonly header: Uint8Array;
  readonly target: Uint8Array;
}

/** Version bits to use per extranonce: a new version costs nothing, a new extranonce a walk up the merkle tree. */
const rolledBits = 4;

/**
 * @param index which unit: versions first, then extranonces, and when all are used up times yet to come.
 * @param elapsedSeconds since the job began.
 */
export function makeV2Unit(job: V2Job, index: number, elapsedSeconds: number): V2WorkUnit {
  const { jobId, versionMask, extranonceSize, target } = job;
  const bits = lowestBits(versionMask, extranonceSize > 0 ? rolledBits : 32);
  const versions = 2 ** bits.length;
  const variants = versions * 256 ** extranonceSize;
  const extranonce = counterBytes(Math.floor(index / versions), extranonceSize);
  const version = ((job.version & ~versionMask) | spread(index % versions, bits)) >>> 0;
  const ntime = job.times.timeOf(Math.floor(index / variants), job.minNtime + elapsedSeconds);
  const header = encodeHeader({
    version,
    previousHash: job.previousHash,
    merkleRoot: job.rootOf(extranonce),
    time: ntime,
    bits: job.nbits,
    nonce: 0,
  });
  return { jobId, version, ntime, extranonce, header, target };
}
