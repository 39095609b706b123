import type { Gauge } from "prom-client";

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
