import { type BlockState, maturityConfirmations } from "./state.ts";
import type { Verdict } from "./submit.ts";

/** What is known of one block at one moment. */
export interface Observation {
  readonly height: number;
  readonly tipHeight: number;
  /**
   * Of the node in use: 1 and more in the active chain, -1 beside it, undefined when that node does not know the block.
   */
  readonly confirmations: number | undefined;
  /** What the nodes said to the submission; undefined when it was in an earlier run. */
  readonly verdict: Verdict | undefined;
}

export interface NextState {
  readonly state: BlockState;
  /** Why it is orphaned. */
  readonly reason?: string;
}

/** The arrows of state.ts. The active chain speaks first; where it says nothing, the nodes' answers do. */
export function nextState(current: BlockState, seen: Observation): NextState {
  const { confirmations } = seen;
  if (confirmations !== undefined && confirmations >= maturityConfirmations) return { state: "mature" };
  // A small reorganisation above a mature block takes a confirmation from it, not its maturity.
  if (confirmations !== undefined && confirmations > 0) {
    return { state: current === "mature" ? "mature" : "immature" };
  }
  if (seen.verdict?.kind === "refused") return { state: "orphaned", reason: seen.verdict.reason };

  const passed = seen.tipHeight >= seen.height;
  switch (current) {
    case "orphaned":
      return { state: "orphaned" };
    case "immature":
    case "mature":
      // A node that is below the block's height and has never heard of it cannot tell.
      return confirmations !== undefined || passed
        ? { state: "orphaned", reason: "replaced" }
        : { state: current };
    case "candidate":
    case "submitted":
      return notInChainYet(current, seen, passed);
  }
}

function notInChainYet(current: "candidate" | "submitted", seen: Observation, passed: boolean): NextState {
  // Known to the node, and another block has its height; below its height the node may be about to connect it.
  if (seen.confirmations !== undefined && passed) return { state: "orphaned", reason: "replaced" };
  if (seen.tipHeight - seen.height >= maturityConfirmations)
    return { state: "orphaned", reason: "superseded" };
  const sent = seen.confirmations !== undefined || seen.verdict?.kind === "submitted";
  return { state: sent ? "submitted" : current };
}
