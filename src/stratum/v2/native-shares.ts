/** Shares past JavaScript: which of them, and what is left to do for those that native code took and judged. */
import { submitErrorCode } from "../../protocol/v2/errors.ts";
import type { FrameRun } from "../../shares/frame-lane.ts";
import { acknowledgeSoon } from "./acknowledge.ts";
import type { MiningChannel } from "./mining-channel.ts";
import type { FrameSession } from "./session.ts";
import type { Place } from "./submit.ts";
import { sendError } from "./submit-error.ts";

/**
 * What was let through to the judge once may go there directly, for as long as nothing changes.
 * @param extranonce2 of a standard channel; undefined where shares bring theirs.
 */
export function grant(
  session: FrameSession,
  jobName: number,
  { channel, sent, assignment, work }: Place,
  extranonce2: Uint8Array | undefined,
): void {
  const { core, miner } = channel;
  // Jobs of an earlier tip become stale by the clock.
  if (!core.isOnNewestTip(work)) return;
  session.lane?.grant({
    channel,
    jobName,
    job: work,
    assignment,
    extranonce1: core.extranonce1,
    extranonce2,
    ntimeMin: sent.minNtime,
    versionMask: session.context.versionMask,
    account: miner.account,
    worker: miner.worker,
    scheme: session.port.scheme,
  });
}

/** Refusals go out at once; accepted shares wait for their commit, and for their channel's acknowledgement. */
export function takeRun(
  session: FrameSession,
  { answers, refused, accepted }: FrameRun<MiningChannel>,
): ((durable: boolean) => void) | undefined {
  if (answers.length > 0) session.connection.send(answers);
  for (const { reason, submissions } of refused) session.conduct.refused(reason, submissions);
  if (accepted.length === 0) {
    for (const { reason, submissions } of refused) session.conduct.blame(reason, submissions);
    return undefined;
  }
  session.pendingShares += accepted.length;
  return (durable) => {
    // The caller answers many sessions in a row: none of them may stop it.
    try {
      session.pendingShares -= accepted.length;
      if (durable) acknowledgeAll(session, accepted);
      else refuseAll(session, accepted);
      session.settled();
    } catch (error) {
      session.failed(error);
    }
  };
}

type Accepted = FrameRun<MiningChannel>["accepted"];

function acknowledgeAll(session: FrameSession, accepted: Accepted): void {
  for (const { channel, assignment, sequenceNumber } of accepted) {
    const { difficulty } = assignment;
    channel.core.count(difficulty);
    acknowledgeSoon(session, channel, sequenceNumber, difficulty);
  }
  session.conduct.accepted();
}

/** A pool that cannot store shares sends its miners to their backup. */
function refuseAll(session: FrameSession, accepted: Accepted): void {
  const code = submitErrorCode("unavailable", session.context.versionMask !== 0);
  session.conduct.refused("unavailable", accepted.length);
  for (const { channel, sequenceNumber } of accepted) {
    // Of a channel that was closed meanwhile the client knows nothing any more.
    if (session.channels.get(channel.id) === channel) sendError(session, channel.id, sequenceNumber, code);
  }
  session.finish("unavailable");
}
