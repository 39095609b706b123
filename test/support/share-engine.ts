/** A V1 session with everything behind it but sockets and disk: see share-parts.ts. */
import type { JobData } from "../../src/jobs/job.ts";
import type { LiveJobs } from "../../src/jobs/live-jobs.ts";
import { FanOut } from "../../src/stratum/fan-out.ts";
import { KeptSessions } from "../../src/stratum/kept-sessions.ts";
import { defaultLimits } from "../../src/stratum/limits.ts";
import type { LineConnection } from "../../src/stratum/line-connection.ts";
import { LineSplitter } from "../../src/stratum/line-splitter.ts";
import type { SessionContext } from "../../src/stratum/v1/context.ts";
import { Session } from "../../src/stratum/v1/session.ts";
import { WorkTexts } from "../../src/stratum/work-texts.ts";
import { noRecorder } from "./no-recorder.ts";
import { type ShareEngineOptions, shareParts } from "./share-parts.ts";

export type { ShareEngineOptions } from "./share-parts.ts";

/** What a session sends, as text. */
class RecordedConnection {
  readonly remote = "192.0.2.1";
  isOpen = true;
  isClosed = false;
  sent = "";
  /** Why it was ended. */
  reason = "";

  send(text: string): void {
    this.sent += text;
  }
  sendShared(bytes: Buffer): void {
    this.sent += bytes.toString("latin1");
  }
  isBehind(): boolean {
    return false;
  }
  // When reading pauses depends on how answers come together, and changes nothing that is said.
  pauseReading(): void {}
  resumeReading(): void {}
  finish(reason: string): void {
    if (this.isOpen) this.reason = reason;
    this.isOpen = false;
  }
  end(): void {}
  close(reason: string): void {
    this.finish(reason);
  }
}

export interface ShareEngine {
  readonly jobs: LiveJobs;
  readonly session: Session;
  /** Sums of what was counted, by name. */
  readonly counted: ReadonlyMap<string, number>;
  /** Submissions that native code took. */
  readonly native: number;
  /** Why the connection was ended; empty while it is open. */
  readonly endReason: string;
  /** A new job for the session. */
  addJob(data: JobData): void;
  receive(bytes: Buffer): void;
  /** Ends the group commit; what it wrote. */
  commit(durable: boolean): Buffer;
  /** What was sent since the last time. */
  takeSent(): string;
}

export function aShareEngine(options: ShareEngineOptions): ShareEngine {
  const parts = shareParts(options);
  const { jobs, journal, counted, port } = parts;
  const { clock } = options;
  const connection = new RecordedConnection();
  const context: SessionContext = {
    ...parts.context,
    fanOut: new FanOut(undefined),
    kept: new KeptSessions({ most: 0, keepMs: 0, clock, onForgotten: () => {} }),
    recorder: noRecorder,
    workerNumber: 1,
    newSessionId: () => "session",
    moveTo: (_worker, _port, socket) => socket.destroy(),
    transactionsOf: () => undefined,
    texts: new WorkTexts(),
    versionMask: 0x1fffe000,
  };
  const session = new Session(
    context,
    connection as unknown as LineConnection,
    port,
    undefined,
    clock.monotonicMs(),
    () => {},
  );
  const splitter = new LineSplitter(defaultLimits.lineBytes);
  const reader = {
    messages: (bytes: Buffer, from: number) => (connection.isOpen ? session.messages(bytes, from) : from),
    mayTake: () => true,
    message: (bytes: Buffer) => {
      if (connection.isOpen) session.message(bytes);
    },
  };

  return {
    jobs,
    session,
    counted,
    get native() {
      return parts.native;
    },
    get endReason() {
      return connection.reason;
    },
    addJob: (data) => {
      session.deliver(jobs.add(data), context.fanOut);
      context.fanOut.flush();
    },
    receive(bytes) {
      if (connection.isOpen && !splitter.push(bytes, reader) && connection.isOpen) session.unreadable();
    },
    commit: (durable) => journal.commit(durable),
    takeSent() {
      const { sent } = connection;
      connection.sent = "";
      return sent;
    },
  };
}
