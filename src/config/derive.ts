import type { ListenAddress, NetworkAddress } from "./endpoints.ts";
import type { Config } from "./schema.ts";

/** Per cent as millionths of the whole; exact, since settings have at most four decimals. */
export function millionthsOfPercent(percent: number): number {
  return Math.round(percent * 10_000);
}

/** The pool's fee in millionths of the reward. */
export function feeMillionths(config: Config): number {
  return millionthsOfPercent(config.pool.feePercent);
}

/** The PPLNS window in thousandths of the network's work per block. */
export function windowThousandths(config: Config): number {
  return Math.round(config.pplns.windowMultiple * 1000);
}

/** @param cores Processor cores that this process may use. */
export function workerCount(config: Config, cores: number): number {
  const { workers } = config.stratum;
  return workers === "auto" ? Math.max(1, cores - 1) : workers;
}

/** What each address gets of the pool's own part of a block, in millionths; sums to 1,000,000. */
export function payees(config: Config): readonly { readonly address: string; readonly millionths: number }[] {
  const split = config.pool.split.map(({ address, percent }) => ({
    address,
    millionths: millionthsOfPercent(percent),
  }));
  const shared = split.reduce((sum, { millionths }) => sum + millionths, 0);
  return [{ address: config.pool.address, millionths: 1_000_000 - shared }, ...split];
}

/** One port that miners connect to, with what holds on it. */
export interface PortSettings {
  readonly address: ListenAddress;
  readonly scheme: Config["pool"]["scheme"];
  readonly difficulty: Config["stratum"]["difficulty"];
  /** Who must begin with a PROXY header. */
  readonly proxyFrom: readonly NetworkAddress[];
}

export function stratumPorts({ pool, stratum }: Config): readonly PortSettings[] {
  const common = { scheme: pool.scheme, difficulty: stratum.difficulty, proxyFrom: stratum.proxyFrom };
  return [
    ...stratum.listen.map((address) => ({ ...common, address })),
    ...stratum.listeners.map(({ listen, scheme, proxyFrom, difficulty }) => ({
      address: listen,
      scheme: scheme ?? pool.scheme,
      proxyFrom,
      difficulty: {
        start: difficulty.start ?? stratum.difficulty.start,
        min: difficulty.min ?? stratum.difficulty.min,
        max: difficulty.max ?? stratum.difficulty.max,
        vardiff: difficulty.vardiff ?? stratum.difficulty.vardiff,
        sharesPerMinute: difficulty.sharesPerMinute ?? stratum.difficulty.sharesPerMinute,
      },
    })),
  ];
}
