import type { LiveJob } from "../../jobs/live-jobs.ts";
import type { FrameTransport, TransportKeys } from "../../protocol/v2/frame-transport.ts";
import type { StratumContext } from "../context.ts";
import type { AcknowledgementTimer } from "./acknowledge.ts";
import type { ChannelQuota } from "./channel-quota.ts";
import type { Handshakes } from "./handshakes.ts";
import type { JobFrames } from "./job-frames.ts";
import type { ChannelKind } from "./mining-channel.ts";

/** What of V2 is made outside of this folder, in each worker process. */
export interface V2Parts {
  readonly handshakes: Pick<Handshakes, "respond">;
  /** For connections whose handshake is done. */
  readonly transports: (keys: TransportKeys) => FrameTransport;
  /** The job with 16 bytes for extranonce2; undefined where its coinbase has no room for them. */
  readonly wideJob: (job: LiveJob) => LiveJob | undefined;
  /** Merkle roots: see Addon.jobRoots. */
  readonly jobRoots: (job: LiveJob, extranonces: Uint8Array, roots: Uint8Array) => void;
}

/** Open channels of one worker process, now. */
export type ChannelCounts = Record<ChannelKind, number>;

/** What all V2 sessions of a worker process share. */
export interface FrameSessionContext extends StratumContext {
  readonly v2: V2Parts;
  readonly jobFrames: JobFrames;
  readonly acknowledgements: AcknowledgementTimer;
  readonly channelQuota: ChannelQuota;
  readonly channelCounts: ChannelCounts;
  /** Bits of the version that miners may change; 0: none. */
  readonly versionMask: number;
}
