import type { Clock } from "../clock.ts";
import { createWideJobs } from "../jobs/wide-job.ts";
import type { Logger } from "../log/index.ts";
import type { Addon } from "../native/addon.ts";
import type { Identity } from "../protocol/v2/noise/handshake.ts";
import type { StratumLimits } from "../stratum/limits.ts";
import type { StratumMetrics } from "../stratum/metrics.ts";
import type { V2Parts } from "../stratum/v2/context.ts";
import { createHandshakes } from "../stratum/v2/handshakes.ts";
import { createTransports } from "./frame-transports.ts";

export interface V2PartsOptions {
  readonly addon: Addon;
  readonly identity: Identity;
  readonly limits: Pick<StratumLimits, "handshakesWaiting">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<StratumMetrics, "handshakeAnswered" | "ephemeralKeys">;
}

/** A second's handshakes: so many devices at once find their keys made. */
const ephemeralKeys = 1_024;

/** Longer than what miners send, and not worth asking about. */
const longPayload = 1_024;

/** What a worker's Stratum port needs to speak V2. */
export function createV2Parts({ addon, identity, limits, clock, log, metrics }: V2PartsOptions) {
  const handshakes = createHandshakes({
    identity,
    mostWaiting: limits.handshakesWaiting,
    stock: ephemeralKeys,
    clock,
    log,
    metrics: {
      answered: (seconds) => metrics.handshakeAnswered(seconds),
      stock: (keys) => metrics.ephemeralKeys(keys),
    },
  });
  const wideJobs = createWideJobs({ addon });
  const parts: V2Parts = {
    handshakes,
    transports: createTransports({ addon, longPayload }),
    wideJob: (job) => wideJobs.of(job),
    jobRoots: (job, extranonces, roots) => addon.jobRoots(job.prepared, extranonces, roots),
  };
  return {
    parts,
    /** What is shown to miners from now on. */
    renew: (renewed: Identity) => handshakes.renew(renewed),
    close: () => handshakes.close(),
  };
}
