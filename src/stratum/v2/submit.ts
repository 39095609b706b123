/**
 * Shares (5.3.11, 5.3.12). One whose channel and job are known is always judged, whatever else is wrong with it: it may
 * hold a block.
 */
import { extranonce2Length } from "../../jobs/job.ts";
import type { LiveJob } from "../../jobs/live-jobs.ts";
import { Malformed } from "../../protocol/malformed.ts";
import type { Reason } from "../../protocol/reasons.ts";
import { type SubmitErrorCode, submitErrorCode } from "../../protocol/v2/errors.ts";
import type { SubmitSharesExtended, SubmitSharesStandard } from "../../protocol/v2/shares.ts";
import { decodeUserIdentity } from "../../protocol/v2/worker-tracking.ts";
import type { Assignment } from "../work-history.ts";
import { acknowledgeSoon } from "./acknowledge.ts";
import type { SentJob } from "./job-names.ts";
import type { MiningChannel } from "./mining-channel.ts";
import { grant } from "./native-shares.ts";
import type { FrameSession } from "./session.ts";
import { sendError } from "./submit-error.ts";

/** What a standard channel has where an extended one has its own extranonce. */
const noExtranonce = Buffer.alloc(extranonce2Length);

/** Where a share belongs, and by what it is judged. */
export interface Place {
  readonly channel: MiningChannel;
  readonly sent: SentJob;
  readonly assignment: Assignment;
  readonly work: LiveJob;
}

export function submitStandard(session: FrameSession, share: SubmitSharesStandard): void {
  const place = placeOf(session, "standard", share);
  if (place === undefined) return;
  judge(session, place, share, noExtranonce, undefined, place.channel.miner.worker);
  grant(session, share.jobId, place, noExtranonce);
}

/** @param extra fields of extensions behind the share. */
export function submitExtended(session: FrameSession, share: SubmitSharesExtended, extra: Buffer): void {
  const place = placeOf(session, "extended", share);
  if (place === undefined) return;
  const { channel } = place;
  if (share.extranonce.length !== channel.extranonceSize) {
    refuse(session, share, "malformed", "bad-extranonce-size");
    return;
  }
  const worker = workerOf(session, channel, extra);
  const refusal = worker instanceof Malformed ? "malformed" : undefined;
  const name = worker instanceof Malformed ? channel.miner.worker : worker;
  judge(session, place, share, share.extranonce, refusal, name);
  grant(session, share.jobId, place, undefined);
}

/** @returns undefined when the share is refused: no such channel of this kind here, or no such job on it. */
function placeOf(
  session: FrameSession,
  kind: MiningChannel["kind"],
  share: SubmitSharesStandard,
): Place | undefined {
  const channel = session.channels.get(share.channelId);
  if (channel === undefined || channel.kind !== kind) {
    refuse(session, share, "not-subscribed", "invalid-channel-id");
    return undefined;
  }
  const sent = session.names.jobOf(share.jobId);
  const assignment = sent && channel.core.inForce(sent);
  const job = assignment && session.context.jobs.get(sent.number);
  const work = job && session.workOf(channel, job);
  if (work === undefined) {
    refuse(session, share, "job-not-found", "invalid-job-id");
    return undefined;
  }
  return { channel, sent: sent!, assignment: assignment!, work };
}

/** Where names of workers come with their shares (extension 0x0002), the share's; else the channel's. */
function workerOf(session: FrameSession, channel: MiningChannel, extra: Buffer): string | Malformed {
  if (extra.length === 0 || session.workerNames === undefined) return channel.miner.worker;
  const identity = decodeUserIdentity(extra);
  if (identity instanceof Malformed) return identity;
  if (identity === undefined) return channel.miner.worker;
  return session.workerNames.workerOf(identity, channel.miner);
}

function judge(
  session: FrameSession,
  { channel, sent, assignment, work }: Place,
  { sequenceNumber, ntime, nonce, version }: SubmitSharesStandard,
  extranonce2: Uint8Array,
  refusal: Reason | undefined,
  worker: string,
): void {
  const { core, miner } = channel;
  const { target, difficulty } = assignment;
  session.pendingShares += 1;
  session.context.shares.submit(
    {
      job: work,
      extranonce1: core.extranonce1,
      extranonce2,
      ntime,
      ntimeMin: sent.minNtime,
      nonce,
      version: { kind: "whole", version },
      versionMask: session.context.versionMask,
      target,
      stale: core.isStale(work),
      refusal,
      account: miner.account,
      worker,
      protocol: "v2",
      scheme: session.port.scheme,
    },
    (reason) => {
      // The caller answers many sessions in a row: none of them may stop it.
      try {
        session.pendingShares -= 1;
        if (reason === undefined) {
          core.count(difficulty);
          session.conduct.accepted();
          acknowledgeSoon(session, channel, sequenceNumber, difficulty);
        } else {
          session.conduct.refused(reason, 1);
          session.conduct.blame(reason, 1);
          refused(session, channel, sequenceNumber, reason);
        }
        // A pool that cannot store shares sends its miners to their backup.
        if (reason === "unavailable") session.finish("unavailable");
        session.settled();
      } catch (error) {
        session.failed(error);
      }
    },
  );
}

function refused(
  session: FrameSession,
  channel: MiningChannel,
  sequenceNumber: number,
  reason: Reason,
): void {
  // Of a channel that was closed meanwhile the client knows nothing any more.
  if (session.channels.get(channel.id) !== channel) return;
  const isVersionRollingAllowed = session.context.versionMask !== 0;
  sendError(session, channel.id, sequenceNumber, submitErrorCode(reason, isVersionRollingAllowed));
}

/** Refused without having been judged. */
function refuse(
  session: FrameSession,
  { channelId, sequenceNumber }: SubmitSharesStandard,
  reason: Reason,
  errorCode: SubmitErrorCode,
): void {
  session.context.metrics.submissionRefused("v2", reason);
  session.conduct.refused(reason, 1);
  session.conduct.blame(reason, 1);
  sendError(session, channelId, sequenceNumber, errorCode);
}
