/**
 * Error codes that we send. The specification leaves them to the implementations (3.5); these are the customary ones,
 * which clients know.
 */
import { type Reason, reasons } from "../reasons.ts";

export const setupErrorCodes = [
  "unsupported-feature-flags",
  "unsupported-protocol",
  "protocol-version-mismatch",
] as const;
export type SetupErrorCode = (typeof setupErrorCodes)[number];

export const openErrorCodes = [
  "unknown-user",
  "max-target-out-of-range",
  "invalid-nominal-hashrate",
  "unsupported-min-extranonce-size",
  "extended-channels-not-supported-for-standard-jobs",
  "channel-capacity-exhausted",
] as const;
export type OpenErrorCode = (typeof openErrorCodes)[number];

export const updateErrorCodes = [
  "invalid-channel-id",
  "invalid-nominal-hashrate",
  "max-target-out-of-range",
] as const;
export type UpdateErrorCode = (typeof updateErrorCodes)[number];

export const submitErrorCodes = [
  "invalid-channel-id",
  "invalid-share",
  "stale-share",
  "invalid-job-id",
  "difficulty-too-low",
  "duplicate-share",
  "bad-extranonce-size",
  "version-rolling-not-allowed",
  "invalid-non-rollable-version-bit",
] as const;
export type SubmitErrorCode = (typeof submitErrorCodes)[number];

export const customJobErrorCodes = ["jd-not-supported"] as const;
export type CustomJobErrorCode = (typeof customJobErrorCodes)[number];

/**
 * What SubmitShares.Error says for a refusal.
 * @param isVersionRollingAllowed whether the share's job allowed any change of the version.
 */
export function submitErrorCode(reason: Reason, isVersionRollingAllowed: boolean): SubmitErrorCode {
  if (reason === "version-bits-not-allowed" && !isVersionRollingAllowed) return "version-rolling-not-allowed";
  // A channel is only there once its user is known: reasons without a code do not arise.
  return reasons[reason].v2Code ?? "invalid-share";
}
