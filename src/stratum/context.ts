import type { LiveJob } from "../jobs/live-jobs.ts";
import type { Logger } from "../log/index.ts";
import type { NativeIntake } from "../shares/native-intake.ts";
import type { Shares } from "../shares/shares.ts";
import type { AddressBook } from "./address-book.ts";
import type { ChannelContext } from "./channel.ts";
import type { Discipline } from "./discipline.ts";
import type { ExtranonceLeases } from "./extranonce-leases.ts";
import type { MatchFirmware } from "./firmware.ts";
import type { StratumLimits } from "./limits.ts";
import type { StratumMetrics } from "./metrics.ts";
import type { RememberedDifficulties } from "./remembered-difficulties.ts";
import type { TooEasyClient } from "./too-easy-report.ts";

/** What all sessions of a worker process share, whatever they speak. */
export interface StratumContext extends ChannelContext {
  readonly addresses: AddressBook;
  readonly shares: Shares;
  /** Undefined: every submission takes the long way. */
  readonly intake: NativeIntake | undefined;
  readonly extranonces: ExtranonceLeases;
  readonly firmware: MatchFirmware;
  readonly remembered: RememberedDifficulties;
  /** The job as it is for one account: its block pays it. */
  readonly soloJob: (job: LiveJob, account: string, coinbaseBytes: number) => LiveJob;
  readonly limits: StratumLimits;
  readonly log: Logger;
  readonly metrics: StratumMetrics;
  readonly counts: Counts;
  /** Hears what peers do; what follows from it happens at once. */
  readonly discipline: Pick<Discipline, "offended" | "requested" | "refused" | "accepted">;
  /** All shares that the client sent so far are too easy by far: whoever looks after it should know. */
  allTooEasy(client: TooEasyClient): void;
}

/** Of one worker process, now. */
export interface Counts {
  connections: number;
  subscribed: number;
  /** Authorized names, counted for each connection. */
  workers: number;
}
