import { targetFromBits } from "../../src/bitcoin/target.ts";
import type { JobData } from "../../src/jobs/job.ts";
import type { Template } from "../../src/template/template.ts";

export const regtestBits = 0x207fffff;

export function aTemplate(changes: Partial<Template> = {}): Template {
  return {
    id: "t1",
    kind: "full",
    height: 100,
    version: 0x20000000,
    previousHash: new Uint8Array(32).fill(1),
    bits: regtestBits,
    networkTarget: targetFromBits(regtestBits),
    minTime: 1_000,
    currentTime: 2_000,
    rewardSats: 5_000_000_000n,
    transactions: { count: 0, data: new Uint8Array(), txids: new Uint8Array(), weight: 0, sigops: 0 },
    witnessCommitment: undefined,
    coinbaseAux: new Uint8Array(),
    weightLimit: 4_000_000,
    sigopLimit: 80_000,
    receivedMonotonicMs: 0,
    ...changes,
  };
}

export function aJob(changes: Partial<JobData> = {}): JobData {
  return {
    number: 1,
    templateId: "t1",
    kind: "full",
    height: 100,
    tipNumber: 1,
    version: 0x20000000,
    previousHash: new Uint8Array(32).fill(1),
    bits: regtestBits,
    minTime: 1_000,
    startTime: 2_000,
    coinbase1: new Uint8Array(60),
    coinbase2: new Uint8Array(60),
    extranonce2Length: 8,
    witness: false,
    witnessCommitment: undefined,
    merkleBranch: [],
    transactionCount: 0,
    rewardSats: 5_000_000_000n,
    clean: true,
    ...changes,
  };
}
