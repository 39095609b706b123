import type { Clock } from "../clock.ts";
import type { Logger } from "../log/index.ts";
import type { Tip } from "./answers.ts";

export interface LagWatch {
  /** Looks at a node's tip and the best one known; logs once when the node falls behind and once when it is back. */
  look(node: string, tip: Tip | undefined, best: Tip | undefined): void;
}

/** A block takes a moment from one node to the other: that is no news. */
const behindForMs = 10_000;

export function watchLag(
  log: Logger,
  clock: Clock,
  onLag?: (node: string, lagging: boolean) => void,
): LagWatch {
  const behind = new Map<string, { readonly sinceMs: number; told: boolean }>();
  return {
    look(node, tip, best) {
      const lagging = tip !== undefined && best !== undefined && tip.chainWork < best.chainWork;
      const known = behind.get(node);
      if (!lagging) {
        behind.delete(node);
        if (!known?.told) return;
        log.info({ event: "node-caught-up", node, height: tip?.height }, "The node is at the tip again.");
        onLag?.(node, false);
      } else if (known === undefined) {
        behind.set(node, { sinceMs: clock.monotonicMs(), told: false });
      } else if (!known.told && clock.monotonicMs() - known.sinceMs >= behindForMs) {
        known.told = true;
        const fields = { event: "node-lagging", node, height: tip.height, bestHeight: best.height };
        log.warn(fields, "The node is behind the other nodes and is not used; see its debug.log and peers.");
        onLag?.(node, true);
      }
    },
  };
}
