/** SetCustomMiningJob (5.3.18): work that clients select themselves is not taken. */
import { type SetCustomMiningJob, setCustomMiningJobError } from "../../protocol/v2/custom-jobs.ts";
import type { CustomJobErrorCode } from "../../protocol/v2/errors.ts";
import type { FrameSession } from "./session.ts";

export function refuseCustomJob(session: FrameSession, { channelId, requestId }: SetCustomMiningJob): void {
  const errorCode: CustomJobErrorCode = "jd-not-supported";
  session.connection.send(setCustomMiningJobError.encode({ channelId, requestId, errorCode }));
}
