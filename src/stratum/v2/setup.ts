/** SetupConnection (3.6.1): what a client asks of a connection, and what we make of it. Pure. */
import {
  protocols,
  protocolVersion,
  type SetupConnection,
  type SetupConnectionError,
  type SetupConnectionSuccess,
  setupFlags,
  setupSuccessFlags,
} from "../../protocol/v2/common.ts";
import type { SetupErrorCode } from "../../protocol/v2/errors.ts";

export type SetupVerdict =
  | {
      readonly isAccepted: true;
      readonly answer: SetupConnectionSuccess;
      /** The client takes no extended jobs and opens standard channels only. */
      readonly standardJobsOnly: boolean;
    }
  | {
      readonly isAccepted: false;
      readonly answer: SetupConnectionError & { readonly errorCode: SetupErrorCode };
    };

/** @param isVersionRollingAllowed where it is not, clients are told to leave versions as they are. */
export function judgeSetup(setup: SetupConnection, isVersionRollingAllowed: boolean): SetupVerdict {
  const { protocol, minVersion, maxVersion, flags } = setup;
  if (protocol !== protocols.mining) return refused("unsupported-protocol", 0);
  if (minVersion > protocolVersion || maxVersion < protocolVersion || minVersion > maxVersion)
    return refused("protocol-version-mismatch", 0);
  const supported =
    setupFlags.requiresStandardJobs | (isVersionRollingAllowed ? setupFlags.requiresVersionRolling : 0);
  const unsupported = (flags & ~supported) >>> 0;
  if (unsupported !== 0) return refused("unsupported-feature-flags", unsupported);
  return {
    isAccepted: true,
    answer: {
      usedVersion: protocolVersion,
      flags: isVersionRollingAllowed ? 0 : setupSuccessFlags.requiresFixedVersion,
    },
    standardJobsOnly: (flags & setupFlags.requiresStandardJobs) !== 0,
  };
}

function refused(errorCode: SetupErrorCode, flags: number): SetupVerdict {
  return { isAccepted: false, answer: { flags, errorCode } };
}

/** What the client calls itself: firmware profiles go by it, and logs show it. */
export function agentOf({ vendor, hardwareVersion, firmware }: SetupConnection): string {
  return [vendor, hardwareVersion, firmware]
    .map((part) => part.replace(/[\p{Cc}\p{Cf}]/gu, ""))
    .filter((part) => part !== "")
    .join("/")
    .slice(0, maxAgentLength);
}

/** As V1's. */
const maxAgentLength = 128;
