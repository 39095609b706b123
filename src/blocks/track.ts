import { displayHash } from "../bitcoin/hash.ts";
import { describeError, PoolError } from "../errors.ts";
import type { Logger } from "../log/index.ts";
import type { Nodes, Tip, WatchedNode } from "../node/index.ts";
import { nextState } from "./next-state.ts";
import { type BlockLedger, type BlockState, type FollowedBlock, maturityConfirmations } from "./state.ts";
import type { BlockSubmitter, SubmittedBlock } from "./submit.ts";

export interface TrackOptions {
  readonly nodes: Nodes;
  readonly ledger: BlockLedger;
  readonly submitter: BlockSubmitter;
  readonly log: Logger;
  readonly metrics?: TrackMetrics | undefined;
}

export interface TrackMetrics {
  transition(from: BlockState, to: BlockState): void;
  /** A whole look at all open blocks was finished (true) or broke off and will be tried again (false). */
  looked(whole: boolean): void;
}

export interface BlockTracker {
  /** A submission was answered. */
  look(): void;
  /** The ledger may have new blocks, of whatever height: other machines find some, and their records may come late. */
  lookAtAll(): void;
  close(): void;
}

const firstRetryMs = 500;
const maxRetryMs = 15_000;

/** Where the last whole look left off. */
interface Settled {
  readonly tip: Tip;
  /** Lowest block that is not final; Infinity when there is none. */
  readonly openFrom: number;
}

/**
 * Brings the states of this pool's blocks in the ledger up to date with the chain: at start all of them, then at each new
 * tip those that the change can have touched. After a look that broke off (node or ledger down) the next one covers the
 * same ground again.
 */
export function trackBlocks({ nodes, ledger, submitter, log, metrics }: TrackOptions): BlockTracker {
  let settled: Settled | undefined;
  let closed = false;
  let looking = false;
  let again = false;
  let all = true;
  let retryMs = firstRetryMs;
  let complained: string | undefined;
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    if (closed) return;
    if (looking) {
      again = true;
      return;
    }
    looking = true;
    clearTimeout(timer);
    lookOnce()
      .then(succeed, fail)
      .finally(() => {
        looking = false;
        if (again) {
          again = false;
          look();
        }
      });
  }

  /** News: whatever went wrong before, it is tried again soon. */
  function onTip(): void {
    retryMs = firstRetryMs;
    look();
  }

  function succeed(awaited: boolean): void {
    if (complained !== undefined) log.info({ event: "blocks-look-recovered" }, "Blocks are followed again.");
    complained = undefined;
    metrics?.looked(true);
    if (awaited) retry();
    else retryMs = firstRetryMs;
  }

  function fail(error: unknown): void {
    all = true;
    const complaint = error instanceof PoolError ? error.code : describeError(error);
    if (complaint !== complained && !closed) {
      log.warn(
        { event: "blocks-look-failed", error: describeError(error) },
        "Blocks could not be followed; trying again.",
      );
    }
    complained = complaint;
    metrics?.looked(false);
    retry();
  }

  function retry(): void {
    if (!closed) timer = setTimeout(look, retryMs);
    retryMs = Math.min(retryMs * 2, maxRetryMs);
  }

  /** @returns whether a submitted block is not in the ledger yet. */
  async function lookOnce(): Promise<boolean> {
    const node = nodes.selected;
    const tip = node?.tip;
    if (node === undefined || tip === undefined) return true;
    const forkHeight = await findFork(node, settled?.tip);
    const submitted = [...submitter.blocks()];
    const heights = [forkHeight + 1, settled?.openFrom ?? 0, ...submitted.map(({ height }) => height)];
    const lowest = heights.reduce((a, b) => Math.min(a, b));
    const fromHeight = all ? 0 : Math.max(0, lowest);
    all = false;
    const blocks = await ledger.followedBlocks(fromHeight);

    let openFrom = Number.POSITIVE_INFINITY;
    for (const block of blocks) {
      const state = await bringUpToDate(block, node, tip, forkHeight);
      if (!isFinal(state)) openFrom = Math.min(openFrom, block.height);
    }
    settled = { tip, openFrom };
    const inLedger = new Set(blocks.map(({ hash }) => displayHash(hash)));
    return dropStrays(
      submitted.filter(({ hash }) => !inLedger.has(displayHash(hash))),
      tip,
    );
  }

  /** What every node refused may never have been a block, and then has no record. @returns whether records are awaited. */
  function dropStrays(missing: readonly SubmittedBlock[], tip: Tip): boolean {
    const strays = missing.filter(({ verdict, height }) => verdict.kind === "refused" && isDeep(height, tip));
    for (const { hash } of strays) submitter.settle(hash);
    return missing.length > strays.length;
  }

  async function bringUpToDate(block: FollowedBlock, node: WatchedNode, tip: Tip, forkHeight: number) {
    const known = submitter.get(block.hash);
    const confirmations = await confirmationsOf(block, node, tip, forkHeight);
    const seen = { height: block.height, tipHeight: tip.height, confirmations, verdict: known?.verdict };
    const { state, reason } = nextState(block.state, seen);
    if (state !== block.state) {
      const detail = { confirmations: confirmations ?? 0 };
      await ledger.setBlockState(block.hash, state, reason === undefined ? detail : { ...detail, reason });
      metrics?.transition(block.state, state);
      const fields = {
        hash: displayHash(block.hash),
        height: block.height,
        from: block.state,
        state,
        reason,
      };
      const level = state === "orphaned" ? "warn" : "info";
      log[level]({ event: "block-state", ...fields }, "A block changed its state.");
    }
    if (state === "mature" || (state === "orphaned" && isDeep(block.height, tip))) {
      if (known !== undefined) submitter.settle(block.hash);
    }
    return state;
  }

  nodes.on("tip", onTip);
  look();
  return {
    look,
    lookAtAll() {
      all = true;
      look();
    },
    close() {
      closed = true;
      clearTimeout(timer);
      nodes.off("tip", onTip);
    },
  };
}

/**
 * The height up to which the chain is the same as at the last look; -1 when that cannot be told. Walks back from the old
 * tip over blocks that have left the active chain, however many they are.
 */
async function findFork(node: WatchedNode, oldTip: Tip | undefined): Promise<number> {
  let hash = oldTip?.displayHash;
  while (hash !== undefined) {
    const header = await node.header(hash);
    if (header === undefined) return -1; // another node, which never saw that branch
    if (header.confirmations > 0) return header.height;
    hash = header.previousblockhash;
  }
  return -1;
}

/** Asks the node only for blocks that the change can have touched; the others follow from their state and the tip. */
async function confirmationsOf(block: FollowedBlock, node: WatchedNode, tip: Tip, forkHeight: number) {
  const untouched = block.height <= forkHeight;
  if (untouched && (block.state === "immature" || block.state === "mature"))
    return tip.height - block.height + 1;
  if (untouched && block.state === "orphaned") return -1;
  return (await node.header(displayHash(block.hash)))?.confirmations;
}

function isDeep(height: number, tip: Tip): boolean {
  return tip.height - height >= maturityConfirmations;
}

function isFinal(state: BlockState): boolean {
  return state === "mature" || state === "orphaned";
}
