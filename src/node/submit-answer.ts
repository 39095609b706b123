import { NodeError } from "./errors.ts";

/**
 * What one node says to a block (BIP 22). `unknown` is no answer yet: ask again. `refused` is final and an alarm.
 */
export type SubmitAnswer =
  | { readonly kind: "accepted" }
  | { readonly kind: "unknown"; readonly reason: string }
  | { readonly kind: "refused"; readonly reason: string };

const accepted: SubmitAnswer = Object.freeze({ kind: "accepted" });

/**
 * Not final although they sound so: the node may get the parent a moment later (a slower node, a race), and time goes
 * on. `inconclusive` is a valid-looking block on a branch that is not the active one.
 */
const retried = new Set(["inconclusive", "duplicate-inconclusive", "prev-blk-not-found", "time-too-new"]);

/** bitcoind's RPC_DESERIALIZATION_ERROR: these bytes are no block, and never will be. */
const decodeFailed = -22;

/** @param result of submitblock: null, or BIP 22's reason. */
export function readSubmitResult(result: unknown): SubmitAnswer {
  if (result === null || result === "duplicate") return accepted;
  if (typeof result !== "string") return { kind: "unknown", reason: "unreadable answer" };
  const reason = result.slice(0, 200);
  return { kind: retried.has(result) ? "unknown" : "refused", reason };
}

/** A failed call says nothing about the block, unless the node could not even read it. */
export function readSubmitFailure(error: unknown): SubmitAnswer {
  if (!(error instanceof NodeError)) throw error;
  if (error.rpcCode === decodeFailed) return { kind: "refused", reason: "block-decode-failed" };
  return { kind: "unknown", reason: error.fault };
}
