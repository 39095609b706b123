/** A V2 session with everything behind it but sockets, seals and disk: see share-parts.ts. */
import type { JobData } from "../../src/jobs/job.ts";
import type { LiveJobs } from "../../src/jobs/live-jobs.ts";
import { createWideJobs } from "../../src/jobs/wide-job.ts";
import { setupConnection } from "../../src/protocol/v2/common.ts";
import type { FrameTransport } from "../../src/protocol/v2/frame-transport.ts";
import { type AcknowledgementTimer, acknowledge } from "../../src/stratum/v2/acknowledge.ts";
import { ChannelQuota } from "../../src/stratum/v2/channel-quota.ts";
import type { FrameSessionContext } from "../../src/stratum/v2/context.ts";
import type { FrameConnection } from "../../src/stratum/v2/frame-connection.ts";
import { FrameSplitter } from "../../src/stratum/v2/frame-splitter.ts";
import { JobFrames } from "../../src/stratum/v2/job-frames.ts";
import type { MiningChannel } from "../../src/stratum/v2/mining-channel.ts";
import { FrameSession } from "../../src/stratum/v2/session.ts";
import { versionMaskOf } from "../../src/stratum/v2/version-mask.ts";
import { usualSetup } from "./frame-client.ts";
import { type ShareEngineOptions, shareParts } from "./share-parts.ts";

/** What a session sends, as plaintext. */
class RecordedConnection {
  readonly remote = "192.0.2.1";
  isOpen = true;
  isClosed = false;
  sent: Uint8Array[] = [];
  /** Why it was ended. */
  reason = "";

  secured(): void {}
  send(frames: Uint8Array): void {
    if (!this.isClosed) this.sent.push(frames);
  }
  isBehind(): boolean {
    return false;
  }
  // When reading pauses depends on how answers come together, and changes nothing that is said.
  pauseReading(): void {}
  resumeReading(): void {}
  sweep(): void {}
  finish(reason: string): void {
    if (this.isOpen) this.reason = reason;
    this.isOpen = false;
  }
  end(): void {
    this.isClosed = true;
  }
  close(reason: string): void {
    this.finish(reason);
    this.end();
  }
}

/** Nothing is sealed, and frames come whole. */
const plain: FrameTransport = {
  open: (chunk) => ({ frames: Buffer.from(chunk), problem: undefined }),
  seal: (frames) => Buffer.from(frames),
  close: () => {},
};

export interface FrameEngine {
  readonly jobs: LiveJobs;
  readonly session: FrameSession;
  /** Sums of what was counted, by name. */
  readonly counted: ReadonlyMap<string, number>;
  /** Shares that native code took. */
  readonly native: number;
  /** Why the connection was ended; empty while it is open. */
  readonly endReason: string;
  /** A new job for the session. */
  addJob(data: JobData): void;
  /** Whole frames. */
  receive(frames: Uint8Array): void;
  /** Ends the group commit; what it wrote. */
  commit(durable: boolean): Buffer;
  /** The time for it has come. */
  acknowledge(): void;
  /** What was sent since the last time. */
  takeSent(): Buffer;
}

/** The connection is set up. */
export function aFrameEngine(options: ShareEngineOptions): FrameEngine {
  const parts = shareParts(options);
  const { jobs, journal, counted, port } = parts;
  const { addon, clock } = options;
  const connection = new RecordedConnection();
  let due: MiningChannel[] = [];
  const versionMask = versionMaskOf(0x1fffe000);
  const context: FrameSessionContext = {
    ...parts.context,
    versionMask,
    v2: {
      handshakes: {
        respond(_, done) {
          done({ act2: noBytes, receiveKey: noBytes, sendKey: noBytes });
          return true;
        },
      },
      transports: () => plain,
      wideJob: createWideJobs({ addon }).of,
      jobRoots: ({ prepared }, extranonces, roots) => addon.jobRoots(prepared, extranonces, roots),
    },
    jobFrames: new JobFrames(true),
    acknowledgements: {
      plan(_: FrameSession, channel: MiningChannel) {
        channel.isAcknowledgementDue = true;
        due.push(channel);
      },
    } as unknown as AcknowledgementTimer,
    channelQuota: new ChannelQuota(parts.context.limits, parts.context.counts),
    channelCounts: { standard: 0, extended: 0 },
  };
  const session = new FrameSession(
    context,
    connection as unknown as FrameConnection,
    port,
    undefined,
    clock.monotonicMs(),
    () => {},
  );
  session.message(noBytes);
  session.message(setupConnection.encode(usualSetup));
  connection.sent = [];
  const splitter = new FrameSplitter(plain, () => 0xffffff);
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
    addJob: (data) => session.deliver(jobs.add(data)),
    receive(frames) {
      if (connection.isOpen && frames.length > 0) splitter.push(Buffer.from(frames), reader);
    },
    commit: (durable) => journal.commit(durable),
    acknowledge() {
      const channels = due;
      due = [];
      for (const channel of channels) {
        channel.isAcknowledgementDue = false;
        acknowledge(session, channel);
      }
    },
    takeSent() {
      const sent = Buffer.concat(connection.sent);
      connection.sent = [];
      return sent;
    },
  };
}

const noBytes = Buffer.alloc(0);
