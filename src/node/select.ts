/** What the choice of a node is made from; the clock is the monotonic one, milliseconds. */
export interface Candidate {
  readonly usable: boolean;
  /** It may be hanging. */
  readonly slow: boolean;
  readonly usableSinceMs: number;
  /** Work of its validated chain; undefined until it has told us. */
  readonly chainWork: bigint | undefined;
}

export interface Selection {
  /** Index of the node in use; undefined when none is. */
  readonly current: number | undefined;
  /** Work of the chain that the pool mines on now. */
  readonly chainWork: bigint;
  /** Since when no node is in use; undefined while one is. */
  readonly lostMs: number | undefined;
}

export interface SelectRules {
  readonly nowMs: number;
  /** A better node must have been well for so long before it is used again. */
  readonly returnAfterMs: number;
  /** After so long without a node, one that is behind is better than none. */
  readonly behindAfterMs: number;
}

/**
 * Which node to use: the one with the most work, among equals one that is not slow, among those the first of the list.
 * A node is left only for a better one, and never for one whose chain is shorter than what the pool mines on: its
 * miners would fall back to an older block.
 */
export function selectNode(
  nodes: readonly Candidate[],
  selection: Selection,
  rules: SelectRules,
): number | undefined {
  const current = selection.current === undefined ? undefined : nodes[selection.current];
  const kept = current?.usable ? selection.current : undefined;
  const waited = selection.lostMs !== undefined && rules.nowMs - selection.lostMs >= rules.behindAfterMs;
  const floor = kept === undefined ? (waited ? 0n : selection.chainWork) : workOf(current);

  const order = nodes.map((_, index) => index).filter((index) => nodes[index]!.usable);
  const best = order
    .filter((index) => index === kept || workOf(nodes[index]) >= floor)
    .sort((a, b) => compare(nodes[a]!, nodes[b]!) || a - b)[0];
  if (best === undefined || kept === undefined || best === kept) return best;

  // Only the order of the list speaks for a change: that can wait until the better node has proved itself.
  const rested = rules.nowMs - nodes[best]!.usableSinceMs >= rules.returnAfterMs;
  return compare(nodes[best]!, current!) === 0 && !rested ? kept : best;
}

/** Negative when the first is better, whatever their places in the list. */
function compare(a: Candidate, b: Candidate): number {
  const [left, right] = [workOf(a), workOf(b)];
  if (left !== right) return left > right ? -1 : 1;
  return Number(a.slow) - Number(b.slow);
}

function workOf(node: Candidate | undefined): bigint {
  return node?.chainWork ?? 0n;
}
