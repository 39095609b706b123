import { versionRollingMask } from "../bitcoin/header.ts";
import type { Addon } from "../native/addon.ts";
import type { Template } from "../template/template.ts";
import { buildCoinbase, type CoinbaseSpec, saltLength } from "./coinbase.ts";
import type { JobIssue } from "./feed.ts";
import { extranonce2Length, type JobData } from "./job.ts";

/** 40 bits: what fits the salt of the coinbase and the ten digits of a job id. */
export const maxJobNumber = 2 ** 40 - 1;

/**
 * One job of a template: everything in it comes from that template and the issue, nothing from elsewhere.
 * @param spec checked before by checkCoinbaseSpec.
 * @param versionMask bits that miners may roll: zero in the job's version, so that set, OR and XOR agree.
 * @throws PoolError as buildCoinbase does; then this template must not be mined on.
 */
export function buildJob(
  template: Template,
  spec: CoinbaseSpec,
  issue: JobIssue,
  addon: Pick<Addon, "merkleBranch">,
  versionMask = versionRollingMask,
): JobData {
  const coinbase = buildCoinbase(template, spec, saltOf(issue.number));
  return {
    number: issue.number,
    templateId: template.id,
    kind: template.kind,
    height: template.height,
    tipNumber: issue.tipNumber,
    version: (template.version & ~versionMask) >>> 0,
    previousHash: template.previousHash,
    bits: template.bits,
    minTime: template.minTime,
    startTime: Math.max(issue.startTime, template.minTime),
    coinbase1: coinbase.coinbase1,
    coinbase2: coinbase.coinbase2,
    extranonce2Length,
    witness: coinbase.witness,
    witnessCommitment: template.witnessCommitment,
    merkleBranch: addon.merkleBranch(template.transactions.txids),
    transactionCount: template.transactions.count,
    rewardSats: template.rewardSats,
    clean: issue.clean,
  };
}

function saltOf(jobNumber: number): Buffer {
  const salt = Buffer.alloc(saltLength);
  salt.writeUIntBE(jobNumber, 0, saltLength); // throws above maxJobNumber
  return salt;
}
