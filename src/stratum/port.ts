import type { DifficultyOptions } from "./difficulty.ts";
import type { ListenAddress } from "./listener.ts";

/** An address or a network in CIDR notation. */
export interface Network {
  readonly address: string;
  readonly prefix: number;
}

/** How a block's reward is shared out: over the last work of all miners, or to its finder, in its own coinbase. */
export type Scheme = "pplns" | "solo";

/** One port that miners connect to, with what holds on it. */
export interface Port {
  readonly address: ListenAddress;
  readonly scheme: Scheme;
  readonly difficulty: DifficultyOptions;
  /** Who must begin with a PROXY header; nobody else may. */
  readonly proxyFrom: readonly Network[];
}
