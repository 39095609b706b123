/**
 * The share path without JavaScript: usual submissions are cut, read, judged, recorded and, where they are refused (in V1
 * all of them), answered in native code, one crossing for all that came in one read. The law is that of accept-shares.ts,
 * which everything unusual takes, and every block: journaled, then answered.
 *
 * A connection's lane is open for what accept-shares.ts was given once already: `grant` after a submission that its
 * session let through, `forget` whenever something changes that the session's decision rested on.
 */
import type { Addon, SeenWindow } from "../native/addon.ts";
import { refusalCodes } from "../native/layout.ts";
import type { Reason } from "../protocol/reasons.ts";
import { acceptedTail, refusalTail } from "../protocol/v1/answer.ts";
import { submitErrorCode } from "../protocol/v2/errors.ts";
import { type FrameAddon, FrameLane } from "./frame-lane.ts";
import { type LineAddon, LineLane } from "./line-lane.ts";
import { RunTaker, type RunTakerOptions } from "./native-run.ts";
import { reasonOfRefusal } from "./refusal.ts";

export interface NativeIntakeOptions extends RunTakerOptions {
  readonly addon: Pick<Addon, "createIntake"> & LineAddon & FrameAddon;
  readonly seen: SeenWindow;
  /** Whether V2's miners may change any bit of the version: refusals say so. */
  readonly isVersionRollingAllowed: boolean;
}

export interface NativeIntake {
  /** For a V1 connection. */
  createLineLane(): LineLane;
  /** For a V2 connection. */
  createFrameLane<Channel extends { readonly id: number }>(): FrameLane<Channel>;
}

/** V2's shares that one run can accept. */
const mostAccepted = 4_096;

export function createNativeIntake(options: NativeIntakeOptions): NativeIntake {
  const { addon, seen, isVersionRollingAllowed } = options;
  const intake = addon.createIntake({
    seen,
    acceptedTail,
    refusalTails: textsOf((reason) => refusalTail("null", reason)),
    errorCodes: textsOf((reason) => submitErrorCode(reason, isVersionRollingAllowed)),
  });
  const parts = { addon, intake, taker: new RunTaker(options), accepted: new Uint32Array(2 * mostAccepted) };
  return {
    createLineLane: () => new LineLane(parts),
    createFrameLane: () => new FrameLane(parts),
  };
}

/** By the codes of the native judge. */
function textsOf(textOf: (reason: Reason) => string): string[] {
  return refusalCodes.map((code) => (code === undefined ? "" : textOf(reasonOfRefusal(code))));
}
