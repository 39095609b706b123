import type { Target } from "../bitcoin/target.ts";
import type { LiveJob } from "../jobs/live-jobs.ts";
import type { Scheme } from "../journal/record.ts";
import type { Reason } from "../protocol/reasons.ts";

/** What a submission says of the header's version. */
export type SubmittedVersion =
  /** V1: bits that are set in the job's version; 0 when the miner sent none. */
  | { readonly kind: "bits"; readonly bits: number }
  /** V2: all of it, as it stands in the header. */
  | { readonly kind: "whole"; readonly version: number };

/** One submission with everything that its judgement needs; integers are unsigned 32 bit unless said otherwise. */
export interface Submission {
  /** For solo work the job that pays its miner: see jobs/solo-jobs.ts. */
  readonly job: LiveJob;
  readonly extranonce1: number;
  /** As long as the job says. */
  readonly extranonce2: Uint8Array;
  readonly ntime: number;
  /** The lowest ntime that the sender was told, where that is above the job's own; else 0. */
  readonly ntimeMin: number;
  readonly nonce: number;
  readonly version: SubmittedVersion;
  /** Bits the miner may change: what it negotiated, or the pool's whole mask if it negotiated nothing. */
  readonly versionMask: number;
  /** The target in force for the sender and this job. */
  readonly target: Target;
  /** The job's tip was replaced on this connection longer ago than the grace. */
  readonly stale: boolean;
  /** Set when the submission would be refused whatever its hash (unauthorized …); a block in it still counts. */
  readonly refusal: Reason | undefined;
  /** Empty together with `worker` when the sender is not authorized. */
  readonly account: string;
  readonly worker: string;
  readonly protocol: "v1" | "v2";
  readonly scheme: Scheme;
}

export interface Shares {
  /**
   * Judges one submission and acts on the verdict, in an order that is law: block candidate stored and sent, share
   * journaled, miner answered. `done` is called exactly once: at once with the reason of a refusal, or with undefined
   * after the group commit that holds the share, or with "unavailable" if it could not be made durable.
   */
  submit(submission: Submission, done: (refusal: Reason | undefined) => void): void;
}
