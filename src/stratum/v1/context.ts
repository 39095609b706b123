import type { Socket } from "node:net";
import type { LiveJob } from "../../jobs/live-jobs.ts";
import type { Logger } from "../../log/index.ts";
import type { NativeIntake } from "../../shares/native-intake.ts";
import type { Shares } from "../../shares/shares.ts";
import type { AddressBook } from "../address-book.ts";
import type { ChannelContext } from "../channel.ts";
import type { Discipline } from "../discipline.ts";
import type { ExtranonceLeases } from "../extranonce-leases.ts";
import type { FanOut } from "../fan-out.ts";
import type { MatchFirmware } from "../firmware.ts";
import type { KeptSessions } from "../kept-sessions.ts";
import type { StratumLimits } from "../limits.ts";
import type { StratumMetrics } from "../metrics.ts";
import type { Port } from "../port.ts";
import type { RememberedDifficulties } from "../remembered-difficulties.ts";
import type { SessionRecorder } from "../session-record.ts";
import type { WorkTexts } from "../work-texts.ts";
import type { Session, SessionDraft } from "./session.ts";

/** What all sessions of a worker process share. */
export interface SessionContext extends ChannelContext {
  readonly addresses: AddressBook;
  readonly shares: Shares;
  /** Undefined: every line takes the long way. */
  readonly intake: NativeIntake | undefined;
  readonly extranonces: ExtranonceLeases;
  readonly texts: WorkTexts;
  readonly fanOut: FanOut;
  readonly firmware: MatchFirmware;
  readonly kept: KeptSessions;
  readonly recorder: SessionRecorder;
  readonly remembered: RememberedDifficulties;
  readonly workerNumber: number;
  readonly newSessionId: () => string;
  /** Sends a connection to the worker process that has its session. */
  readonly moveTo: (worker: number, port: Port, socket: Socket, unread: Buffer, draft: SessionDraft) => void;
  /** The job as it is for one account: its block pays it. */
  readonly soloJob: (job: LiveJob, account: string, coinbaseBytes: number) => LiveJob;
  /** All transactions of a job's block but the coinbase, in hex; undefined if they are more than `maxBytes` of text. */
  readonly transactionsOf: (job: LiveJob, maxBytes: number) => readonly string[] | undefined;
  /** Version bits that miners may roll at all. */
  readonly versionMask: number;
  readonly limits: StratumLimits;
  readonly log: Logger;
  readonly metrics: StratumMetrics;
  readonly counts: Counts;
  /** Hears what peers do; what follows from it happens at once. */
  readonly discipline: Pick<Discipline, "offended" | "requested" | "refused" | "accepted">;
  /** All shares that the client sent so far are too easy by far: whoever looks after it should know. */
  allTooEasy(session: Session): void;
}

/** Of one worker process, now. */
export interface Counts {
  connections: number;
  subscribed: number;
  /** Authorized names, counted for each connection. */
  workers: number;
}
