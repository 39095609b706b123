import type { SubmitErrorCode } from "../../protocol/v2/errors.ts";
import { submitSharesErrorBytes, writeSubmitSharesError } from "../../protocol/v2/submit-shares.ts";
import type { FrameSession } from "./session.ts";

/** SubmitShares.Error (5.3.14). */
export function sendError(
  { connection }: FrameSession,
  channelId: number,
  sequenceNumber: number,
  errorCode: SubmitErrorCode,
): void {
  const frame = Buffer.allocUnsafe(submitSharesErrorBytes);
  const end = writeSubmitSharesError(frame, 0, { channelId, sequenceNumber, errorCode });
  connection.send(frame.subarray(0, end));
}
