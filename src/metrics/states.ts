import type { Gauge } from "prom-client";
import type { Metrics } from "./index.ts";
import { nodeFaults } from "./labels.ts";

/** Sets the gauge of the current state to 1 and those of the others to 0. */
export function setOneOf<L extends string>(
  metric: Gauge<L | "state">,
  states: readonly string[],
  current: string,
  labels?: Record<L, string>,
): void {
  for (const state of states) {
    metric.set({ ...labels, state } as Record<L | "state", string>, state === current ? 1 : 0);
  }
}

/** Gives a configured node its series from the start, so that its first fault is an increase. */
export function declareNode({ nodes }: Metrics, node: string): void {
  for (const kind of nodeFaults) nodes.rpcFailures.inc({ node, kind }, 0);
  nodes.zmqMissed.inc({ node }, 0);
  nodes.lagging.set({ node }, 0);
  nodes.selected.set({ node }, 0);
}
