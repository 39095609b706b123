/**
 * Why a share is refused: a closed list, the same word in V1's error text, V2's error code, logs and metrics.
 * Each reason has V1's numeric code, V2's error code unless it cannot arise there, and a sentence that tells a person
 * what to do.
 */
export const reasons = {
  "job-not-found": {
    v1Code: 21,
    v2Code: "invalid-job-id",
    sentence: "This job was never sent on this connection or is long gone; work on the newest job.",
  },
  stale: {
    v1Code: 21,
    v2Code: "stale-share",
    sentence: "Too late: a newer block replaced this job. Check the latency between the miner and the pool.",
  },
  duplicate: {
    v1Code: 22,
    v2Code: "duplicate-share",
    sentence: "This very share was accepted before; the device repeats its work.",
  },
  "low-difficulty": {
    v1Code: 23,
    v2Code: "difficulty-too-low",
    sentence: "The hash is above the target of this job; check the difficulty the device uses.",
  },
  unauthorized: {
    v1Code: 24,
    v2Code: undefined,
    sentence: "This user name was not authorized on this connection; send mining.authorize first.",
  },
  "not-subscribed": {
    v1Code: 25,
    v2Code: undefined,
    sentence: "Send mining.subscribe before submitting shares.",
  },
  malformed: {
    v1Code: 20,
    v2Code: "invalid-share",
    sentence: "The request could not be read; see its parameters.",
  },
  "ntime-out-of-range": {
    v1Code: 20,
    v2Code: "invalid-share",
    sentence:
      "The block time is outside what the network accepts; check the device's clock or ntime rolling.",
  },
  "version-bits-not-allowed": {
    v1Code: 20,
    v2Code: "invalid-non-rollable-version-bit",
    sentence: "Version bits outside the agreed mask were changed; mining.configure tells the mask.",
  },
  unavailable: {
    v1Code: 20,
    v2Code: "invalid-share",
    sentence: "The pool cannot store shares right now; use your backup pool.",
  },
} as const satisfies Record<string, { v1Code: number; v2Code: string | undefined; sentence: string }>;

export type Reason = keyof typeof reasons;

export const reasonNames = Object.keys(reasons) as readonly Reason[];
