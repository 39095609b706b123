import type { Chain } from "../../bitcoin/address.ts";
import type { Clock } from "../../clock.ts";
import type { LiveJobs } from "../../jobs/live-jobs.ts";
import type { Logger } from "../../log/index.ts";
import type { NativeIntake } from "../../shares/native-intake.ts";
import type { Shares } from "../../shares/shares.ts";
import type { DifficultyOptions, DifficultyTable } from "../difficulty.ts";
import type { ExtranonceLeases } from "../extranonce-leases.ts";
import type { StratumLimits } from "../limits.ts";
import type { StratumMetrics } from "../metrics.ts";
import type { WorkTexts } from "../work-texts.ts";

/** What all sessions of a worker share. */
export interface SessionContext {
  readonly chain: Chain;
  readonly jobs: LiveJobs;
  readonly shares: Shares;
  /** Undefined: every line takes the long way. */
  readonly intake: NativeIntake | undefined;
  readonly extranonces: ExtranonceLeases;
  readonly difficulty: DifficultyOptions;
  readonly difficulties: DifficultyTable;
  readonly texts: WorkTexts;
  /** Version bits that miners may roll at all. */
  readonly versionMask: number;
  readonly staleGraceMs: number;
  readonly limits: StratumLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: StratumMetrics;
  readonly counts: Counts;
}

/** Of one worker process, now. */
export interface Counts {
  connections: number;
  subscribed: number;
  /** Authorized names, counted for each connection. */
  workers: number;
}
