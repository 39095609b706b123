import { parseAddress } from "../bitcoin/address.ts";
import { type Config, feeMillionths, payees, stratumPorts } from "../config/index.ts";
import { PoolError } from "../errors.ts";
import { type CoinbaseSpec, checkCoinbaseSpec } from "../jobs/coinbase.ts";
import type { RewardSplit } from "../jobs/reward-split.ts";
import type { SoloTerms } from "../jobs/solo-coinbase.ts";

/** What every coinbase of this pool is made by. @throws PoolError if none can be made. */
export function coinbaseSpecOf(config: Config): CoinbaseSpec {
  const minesSolo = stratumPorts(config).some(({ scheme }) => scheme === "solo");
  const spec = {
    tag: config.pool.tag,
    split: rewardSplitOf(config),
    ...(minesSolo ? { solo: soloTermsOf(config) } : {}),
  };
  checkCoinbaseSpec(spec);
  return spec;
}

/** What a solo miner's coinbase leaves the pool. */
export function soloTermsOf(config: Config): SoloTerms {
  return { feeMillionths: feeMillionths(config), split: rewardSplitOf(config) };
}

function rewardSplitOf(config: Config): RewardSplit {
  const [own, ...others] = payees(config).map(({ address, millionths }) => {
    const parsed = parseAddress(address, config.chain);
    if (!parsed.ok)
      throw new PoolError(
        "POOL_ADDRESS_INVALID",
        `${address}: ${parsed.sentence}`,
        "Check pool.address and pool.split.",
      );
    return { script: parsed.script, millionths };
  });
  return [{ script: own!.script, millionths: "rest" as const }, ...others];
}
