import type { Clock } from "../clock.ts";
import type { JobData } from "../jobs/job.ts";
import { extranonce1Length } from "../jobs/job.ts";
import { soloFeeSats } from "../jobs/solo-coinbase.ts";
import type { BlockRecord, JournalRecord } from "../journal/record.ts";
import type { Addon, SeenWindow } from "../native/addon.ts";
import {
  blockFlag,
  refusalCodes,
  staleFlag,
  submissionLayout,
  verdictLayout,
  wholeVersionFlag,
} from "../native/layout.ts";
import type { Reason } from "../protocol/reasons.ts";
import { reasonOfRefusal } from "./refusal.ts";
import type { Shares, Submission, SubmittedVersion } from "./shares.ts";

/** A hash that met the network target, with what its block is made of. The views are valid during the call only. */
export interface FoundBlock {
  readonly hash: Uint8Array;
  readonly header: Uint8Array;
  readonly job: JobData;
  /** 4 bytes, and as many as the job says, as they stand in the coinbase. */
  readonly extranonce1: Uint8Array;
  readonly extranonce2: Uint8Array;
}

export interface SharesOptions {
  readonly addon: Pick<Addon, "judge">;
  readonly seen: SeenWindow;
  readonly clock: Clock;
  /** Queues a record for the next group commit; `done(false)` when it could not be made durable. */
  readonly append: (record: JournalRecord, done: (durable: boolean) => void) => void;
  /**
   * Puts a block candidate on disk and on its way to every node, synchronously and without throwing.
   * `known` when this very block was stored before.
   */
  readonly storeBlock: (block: FoundBlock) => "stored" | "known";
  /** What a block record carries so that its credit can be recomputed: see BlockRecord. */
  readonly terms: { readonly feeMillionths: number; readonly windowThousandths: number };
  /** How far ahead of the wall clock a share's ntime may be, seconds. */
  readonly ntimeAheadSeconds: number;
  readonly counters: ShareCounters;
}

export interface ShareCounters {
  received(protocol: "v1" | "v2", submissions: number): void;
  answered(protocol: "v1" | "v2", result: Reason | "accepted", submissions: number): void;
  /** Shares are durable; `work` is what they are credited with in all. */
  accepted(protocol: "v1" | "v2", work: bigint, shares: number): void;
  /** The seen window of this worker is full: shares are refused as unavailable. */
  windowFull(): void;
}

/**
 * The one place where a verdict becomes effects, in an order that is law: block candidate stored and sent, share
 * journaled, miner answered.
 */
export function createShares(options: SharesOptions): Shares {
  const { addon, seen, clock, append, storeBlock, terms, counters } = options;
  const request = Buffer.alloc(submissionLayout.size);
  const verdict = Buffer.alloc(verdictLayout.size);
  const hash = verdict.subarray(verdictLayout.hash, verdictLayout.hash + 32);
  const header = verdict.subarray(verdictLayout.header, verdictLayout.header + 80);
  const extranonce1 = request.subarray(
    submissionLayout.extranonce1,
    submissionLayout.extranonce1 + extranonce1Length,
  );

  function submit(submission: Submission, done: (refusal: Reason | undefined) => void): void {
    const { protocol, job } = submission;
    const timeMs = clock.wallMs();
    counters.received(protocol, 1);
    writeRequest(request, submission, Math.floor(timeMs / 1000) + options.ntimeAheadSeconds);
    const code = addon.judge(job.prepared, seen, request, verdict);
    const block = (code & blockFlag) !== 0;
    // Before any rule is asked: a solved block is never refused.
    const isNewBlock = block && storeBlock(foundBlock(job.data)) === "stored";

    const refusal = submission.refusal ?? refusalOf(code & 0xff);
    if (refusal !== undefined) {
      if (isNewBlock) append(blockRecord(submission, timeMs), ignoreOutcome);
      counters.answered(protocol, refusal, 1);
      done(refusal);
      return;
    }
    const { work } = submission.target;
    const answer = (durable: boolean) => {
      if (durable) counters.accepted(protocol, work, 1);
      counters.answered(protocol, durable ? "accepted" : "unavailable", 1);
      done(durable ? undefined : "unavailable");
    };
    append(
      {
        kind: "share",
        timeMs,
        hash,
        target: submission.target,
        height: job.data.height,
        protocol,
        block,
        scheme: submission.scheme,
        account: submission.account,
        worker: submission.worker,
      },
      answer,
    );
    if (isNewBlock) append(blockRecord(submission, timeMs), ignoreOutcome);
  }

  /** Of what was judged last: exactly the bytes that the judge hashed. */
  function foundBlock(job: JobData): FoundBlock {
    const { extranonce2: start } = submissionLayout;
    return {
      hash,
      header,
      job,
      extranonce1,
      extranonce2: request.subarray(start, start + job.extranonce2Length),
    };
  }

  function blockRecord({ job, account, worker, scheme }: Submission, timeMs: number): BlockRecord {
    const { previousHash, height, bits, rewardSats } = job.data;
    const block = {
      kind: "block" as const,
      timeMs,
      hash,
      previousHash,
      height,
      bits,
      rewardSats,
      account,
      worker,
    };
    if (scheme === "pplns") return { ...block, scheme, ...terms };
    return { ...block, scheme, feeSats: soloFeeSats(rewardSats, terms.feeMillionths) };
  }

  function refusalOf(code: number): Reason | undefined {
    const refusal = refusalCodes[code];
    if (refusal === "window-full") counters.windowFull();
    return refusal && reasonOfRefusal(refusal);
  }

  return { submit };
}

/**
 * A block's record that does not reach the journal now is not lost: the primary compares stored candidates with the
 * ledger and has the record written again.
 */
function ignoreOutcome(): void {}

function writeRequest(request: Buffer, submission: Submission, ntimeMax: number): void {
  request.writeUInt32BE(submission.extranonce1, submissionLayout.extranonce1);
  request.set(submission.extranonce2, submissionLayout.extranonce2);
  request.writeUInt32LE(submission.ntime, submissionLayout.ntime);
  request.writeUInt32LE(submission.nonce, submissionLayout.nonce);
  request.writeUInt32LE(versionField(submission.version), submissionLayout.version);
  request.writeUInt32LE(submission.versionMask, submissionLayout.versionMask);
  // One that is refused whatever its hash must not be remembered: it may come again and count then.
  const uncreditable = submission.stale || submission.refusal !== undefined;
  const versionFlag = submission.version.kind === "whole" ? wholeVersionFlag : 0;
  request.writeUInt32LE((uncreditable ? staleFlag : 0) | versionFlag, submissionLayout.flags);
  request.writeUInt32LE(submission.ntimeMin, submissionLayout.ntimeMin);
  request.writeUInt32LE(Math.min(ntimeMax, 0xffffffff), submissionLayout.ntimeMax);
  request.set(submission.target.bytes, submissionLayout.target);
}

function versionField(version: SubmittedVersion): number {
  return version.kind === "whole" ? version.version : version.bits;
}
