/** Pure: from a V1 job to headers that can be scanned. */
import type { BlockHeader } from "../bitcoin/header.ts";
import { encodeHeader } from "../bitcoin/header.ts";
import type { Target } from "../bitcoin/target.ts";
import type { Addon } from "../native/addon.ts";
import type { Notify } from "../protocol/v1/notify.ts";
import { counterBytes, lowestBits, spread } from "./rolling.ts";

/** What a pool gave this connection to work on. */
export interface Assignment {
  readonly job: Notify;
  readonly target: Target;
  readonly extranonce1: Uint8Array;
  readonly extranonce2Size: number;
  /** Version bits that may be rolled; 0 for none. */
  readonly versionMask: number;
}

/** One header with all its nonces, and what a share of it is handed in with. */
export interface V1WorkUnit {
  readonly jobId: string;
  readonly extranonce2: Uint8Array;
  readonly ntime: number;
  /** undefined where the pool did not agree to version rolling. */
  readonly versionBits: number | undefined;
  readonly header: Uint8Array;
  readonly target: Uint8Array;
}

/** Version bits to use per extranonce2: a new version costs nothing, a new extranonce2 a walk up the merkle tree. */
const rolledBits = 4;

/**
 * @param index which unit: each index gives another header until extranonce2 runs over.
 * @param elapsedSeconds since the job came.
 */
export function makeV1Unit(
  assignment: Assignment,
  index: number,
  elapsedSeconds: number,
  addon: Pick<Addon, "sha256d" | "merkleRoot">,
): V1WorkUnit {
  const { job, target, versionMask } = assignment;
  const bits = lowestBits(versionMask, rolledBits);
  const variants = 2 ** bits.length;
  const extranonce2 = counterBytes(Math.floor(index / variants), assignment.extranonce2Size);
  const versionBits = spread(index % variants, bits);
  const coinbase = Buffer.concat([job.coinbase1, assignment.extranonce1, extranonce2, job.coinbase2]);
  const header: BlockHeader = {
    version: ((job.version & ~versionMask) | versionBits) >>> 0,
    previousHash: job.previousHash,
    merkleRoot: addon.merkleRoot(addon.sha256d(coinbase), Buffer.concat(job.merkleBranch)),
    time: job.startTime + elapsedSeconds,
    bits: job.bits,
    nonce: 0,
  };
  return {
    jobId: job.jobId,
    extranonce2,
    ntime: header.time,
    versionBits: versionMask === 0 ? undefined : versionBits,
    header: encodeHeader(header),
    target: target.bytes,
  };
}
