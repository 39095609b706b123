import { readBlock } from "../bitcoin/block.ts";
import { toHex } from "../bitcoin/bytes.ts";
import { displayHash } from "../bitcoin/hash.ts";
import { readHeight } from "../bitcoin/script.ts";
import { describeError } from "../errors.ts";
import type { Logger } from "../log/index.ts";
import type { Nodes, SubmitAnswer, WatchedNode } from "../node/index.ts";
import type { CandidateStore } from "./candidates.ts";
import { maturityConfirmations } from "./state.ts";
import { createSubmitQueue } from "./submit-queue.ts";

/** What the nodes together have said of a block. */
export type Verdict =
  /** None has answered. */
  | { readonly kind: "pending" }
  /** One accepted it, or may have. */
  | { readonly kind: "submitted" }
  /** Every node gave a final answer and none took it. */
  | { readonly kind: "refused"; readonly reason: string };

export interface SubmittedBlock {
  /** 32 bytes, internal order. */
  readonly hash: Uint8Array;
  readonly height: number;
  readonly verdict: Verdict;
}

export interface SubmitOptions {
  readonly nodes: Nodes;
  readonly store: CandidateStore;
  readonly log: Logger;
  readonly metrics?: SubmitMetrics | undefined;
  /** A block's verdict changed. */
  readonly onVerdict: (block: SubmittedBlock) => void;
}

export interface SubmitMetrics {
  /** One node's answer to one submission. */
  answered(node: string, kind: SubmitAnswer["kind"]): void;
}

export interface BlockSubmitter {
  /**
   * Sends a block to every node at once, and again until each has given a final answer; and once more to a node that
   * comes back, until the block is settled. The same block again is a no-op.
   */
  submit(hash: Uint8Array, block: Uint8Array): void;
  /** Sends whatever is in the store: at start, where it cannot be known how far the last run came. */
  resume(): void;
  /** Blocks that were submitted here and are not forgotten yet. */
  blocks(): Iterable<SubmittedBlock>;
  get(hash: Uint8Array): SubmittedBlock | undefined;
  /** The block's fate is settled: no more is sent, and its file goes, or is set aside if a node refused the block. */
  settle(hash: Uint8Array): void;
  close(): void;
}

interface Entry {
  readonly hash: Uint8Array;
  readonly displayHash: string;
  readonly height: number;
  /** Until every node has answered; the disk it was stored on may be full. */
  bytes: Uint8Array | undefined;
  verdict: Verdict;
  readonly answers: Map<string, SubmitAnswer>;
  settled: boolean;
}

export function createSubmitter({ nodes, store, log, metrics, onVerdict }: SubmitOptions): BlockSubmitter {
  const entries = new Map<string, Entry>();
  const queues = nodes.all.map((node) =>
    createSubmitQueue<Entry>((entry, attempt) => send(node, entry, attempt)),
  );
  let closed = false;

  function add(hash: Uint8Array, block: Uint8Array, stored: boolean): void {
    const key = displayHash(hash);
    if (entries.has(key)) return;
    const height = heightOf(block);
    const entry: Entry = {
      hash,
      displayHash: key,
      height,
      bytes: stored ? undefined : block,
      verdict: { kind: "pending" },
      answers: new Map(),
      settled: false,
    };
    entries.set(key, entry);
    log.info(
      { event: "block-submitting", hash: key, height, bytes: block.length },
      "Submitting a block to every node.",
    );
    for (const queue of queues) queue.push(entry, 0);
  }

  async function send(node: WatchedNode, entry: Entry, attempt: number): Promise<void> {
    if (closed || entry.settled) return;
    const block = entry.bytes ?? readStored(entry);
    if (block === undefined) return;
    let answer = await node.submitBlock(toHex(block));
    if (answer.kind === "unknown" && (await isInChain(node, entry))) answer = { kind: "accepted" };
    if (closed) return;
    metrics?.answered(node.name, answer.kind);
    note(node, entry, answer);
    if (isAnswered(entry)) entry.bytes = undefined; // from here on the file will do
    if (answer.kind !== "unknown") return;
    if (isSuperseded(entry)) note(node, entry, { kind: "refused", reason: "superseded" });
    else queues[nodes.all.indexOf(node)]!.later(entry, attempt + 1);
  }

  /** An unanswered submission may have done its work. */
  async function isInChain(node: WatchedNode, entry: Entry): Promise<boolean> {
    try {
      return ((await node.header(entry.displayHash))?.confirmations ?? 0) > 0;
    } catch {
      return false; // the same trouble that left the submission unanswered; it is sent again
    }
  }

  function isSuperseded(entry: Entry): boolean {
    return (nodes.tip?.height ?? 0) - entry.height >= maturityConfirmations;
  }

  function isAnswered({ answers }: Entry): boolean {
    return answers.size === nodes.all.length && [...answers.values()].every(({ kind }) => kind !== "unknown");
  }

  function note(node: WatchedNode, entry: Entry, answer: SubmitAnswer): void {
    const before = entry.answers.get(node.name);
    entry.answers.set(node.name, answer);
    if (before?.kind !== answer.kind) logAnswer(node, entry, answer);
    const verdict = verdictOf([...entry.answers.values()], nodes.all.length);
    if (verdict.kind === entry.verdict.kind) return;
    entry.verdict = verdict;
    if (verdict.kind === "refused") {
      log.error(
        { event: "block-lost", hash: entry.displayHash, height: entry.height, reason: verdict.reason },
        "No node took this block; its file is kept for analysis.",
      );
    }
    onVerdict(entry);
  }

  function logAnswer(node: WatchedNode, entry: Entry, answer: SubmitAnswer): void {
    const fields = { hash: entry.displayHash, height: entry.height, node: node.name };
    if (answer.kind === "accepted")
      log.info({ event: "block-accepted", ...fields }, "The node has the block.");
    else if (answer.kind === "refused") {
      log.error({ event: "block-refused", ...fields, reason: answer.reason }, "The node refused a block.");
    } else {
      log.warn(
        { event: "block-unanswered", ...fields, reason: answer.reason },
        "The node gave no final answer to a block; it is sent again.",
      );
    }
  }

  function readStored(entry: Entry): Uint8Array | undefined {
    try {
      return store.read(entry.hash);
    } catch (error) {
      log.error({ event: "block-file-unreadable", hash: entry.displayHash }, describeError(error));
      return undefined;
    }
  }

  /** A node that crashed may have lost what it had accepted; asked again, it says `duplicate` if not. */
  function sendAgain(node: WatchedNode): void {
    const queue = queues[nodes.all.indexOf(node)];
    for (const entry of entries.values()) {
      // Without a final answer it is being sent again anyway.
      if (entry.answers.get(node.name)?.kind === "accepted") queue?.push(entry, 1);
    }
  }
  nodes.on("recovered", sendAgain);

  return {
    submit(hash, block) {
      if (!closed) add(hash, block, false);
    },
    resume() {
      for (const hash of store.list()) {
        const key = displayHash(hash);
        try {
          const block = entries.has(key) ? undefined : store.read(hash);
          if (block !== undefined) add(hash, block, true);
        } catch (error) {
          log.error({ event: "block-file-unreadable", hash: key }, describeError(error));
        }
      }
    },
    blocks: () => entries.values(),
    get: (hash) => entries.get(displayHash(hash)),
    settle(hash) {
      const key = displayHash(hash);
      const entry = entries.get(key);
      if (entry !== undefined) entry.settled = true;
      entries.delete(key);
      const refused = [...(entry?.answers.values() ?? [])].some(({ kind }) => kind === "refused");
      if (refused) store.setAside(hash);
      else store.remove(hash);
    },
    close() {
      closed = true;
      nodes.off("recovered", sendAgain);
      for (const queue of queues) queue.close();
    },
  };
}

/** @param nodeCount how many nodes were asked. */
export function verdictOf(answers: readonly SubmitAnswer[], nodeCount: number): Verdict {
  if (answers.length === 0) return { kind: "pending" };
  const refusals = answers.filter((answer) => answer.kind === "refused");
  if (refusals.length < answers.length) return { kind: "submitted" };
  if (answers.length < nodeCount) return { kind: "pending" };
  return { kind: "refused", reason: refusals.map((refusal) => refusal.reason).join(", ") };
}

/** BIP 34. 0 when the coinbase does not say, which no node accepts: it says so. */
function heightOf(block: Uint8Array): number {
  try {
    return readHeight(readBlock(block).coinbase.script) ?? 0;
  } catch {
    return 0;
  }
}
