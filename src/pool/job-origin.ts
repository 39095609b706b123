import { readFileSync } from "node:fs";
import { type Config, feeMillionths, payees, stratumPorts, windowThousandths } from "../config/index.ts";

/**
 * What must not change if a job of the run before is to be judged in this one: the boot of the machine, since neither the
 * job nor its transactions were synced; the journals, in which its accepted shares are looked up; whom its block pays and
 * how that is shared out. Undefined where a boot has no name: then jobs do not outlive their run.
 */
export function originOfJobs(config: Config): string | undefined {
  const boot = bootId();
  if (boot === undefined) return undefined;
  const { chain, pool, journal } = config;
  return JSON.stringify([
    ...[
      boot,
      chain,
      pool.frontEnd,
      journal.directory,
      stratumPorts(config).map(({ scheme }) => scheme),
      config.stratum.versionMask,
    ],
    ...[payees(config), feeMillionths(config), windowThousandths(config)],
  ]);
}

function bootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return undefined; // only Linux has it
  }
}
