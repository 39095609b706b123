import type { refusalCodes } from "../native/layout.ts";
import type { Reason } from "../protocol/reasons.ts";

/** What the native judge calls a refusal, in the closed list of reasons that miners are told. */
export function reasonOfRefusal(refusal: Exclude<(typeof refusalCodes)[number], undefined>): Reason {
  return refusal === "window-full" ? "unavailable" : refusal;
}
