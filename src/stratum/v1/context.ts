import type { Socket } from "node:net";
import type { LiveJob } from "../../jobs/live-jobs.ts";
import type { StratumContext } from "../context.ts";
import type { FanOut } from "../fan-out.ts";
import type { KeptSessions } from "../kept-sessions.ts";
import type { Port } from "../port.ts";
import type { SessionRecorder } from "../session-record.ts";
import type { WorkTexts } from "../work-texts.ts";
import type { SessionDraft } from "./session.ts";

/** What all V1 sessions of a worker process share. */
export interface SessionContext extends StratumContext {
  readonly texts: WorkTexts;
  readonly fanOut: FanOut;
  readonly kept: KeptSessions;
  readonly recorder: SessionRecorder;
  readonly workerNumber: number;
  readonly newSessionId: () => string;
  /** Sends a connection to the worker process that has its session. */
  readonly moveTo: (worker: number, port: Port, socket: Socket, unread: Buffer, draft: SessionDraft) => void;
  /** All transactions of a job's block but the coinbase, in hex; undefined if they are more than `maxBytes` of text. */
  readonly transactionsOf: (job: LiveJob, maxBytes: number) => readonly string[] | undefined;
  /** Version bits that miners may roll at all. */
  readonly versionMask: number;
}
