import { serializeBlock } from "../bitcoin/block.ts";
import { sha256d } from "../bitcoin/hash.ts";
import { encodeHeader } from "../bitcoin/header.ts";
import { merkleRoot } from "../bitcoin/merkle.ts";
import { extranonce1Length, type JobData } from "../jobs/job.ts";

/** `outdated`: the node has another tip by now, or this very block on a side branch, and says nothing about this job. */
export type ProposalVerdict =
  | { readonly kind: "valid" | "outdated" }
  | { readonly kind: "refused"; readonly reason: string };

/**
 * Has a node judge a job as a whole block without its work (BIP 23, block proposal): every shape of coinbase and job
 * is shown to it before miners spend much on it.
 * @param propose one getblocktemplate call in proposal mode with the block in hex; resolves with the node's answer.
 */
export async function proposeJob(
  job: JobData,
  transactions: Uint8Array,
  propose: (blockHex: string) => Promise<unknown>,
): Promise<ProposalVerdict> {
  const answer = await propose(emptyWorkBlock(job, transactions).toString("hex"));
  // BIP 22's duplicates: at a trivial difficulty a miner may have solved exactly this block.
  if (answer === null || answer === "duplicate") return { kind: "valid" };
  if (typeof answer === "string" && /^(duplicate-)?inconclusive/.test(answer)) return { kind: "outdated" };
  return { kind: "refused", reason: String(answer) };
}

/** The block that a share of this job with all extranonces and the nonce zero would make. */
export function emptyWorkBlock(job: JobData, transactions: Uint8Array): Buffer {
  const extranonces = Buffer.alloc(extranonce1Length + job.extranonce2Length);
  const coinbase = Buffer.concat([job.coinbase1, extranonces, job.coinbase2]);
  const header = encodeHeader({
    version: job.version,
    previousHash: job.previousHash,
    merkleRoot: merkleRoot(sha256d(coinbase), job.merkleBranch),
    time: job.startTime,
    bits: job.bits,
    nonce: 0,
  });
  return serializeBlock({
    header,
    coinbase,
    witness: job.witness,
    transactionCount: job.transactionCount,
    transactions,
  });
}
