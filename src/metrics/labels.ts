/** The closed lists of label values. Modules own the words; test/unit/metrics/labels.test.ts keeps these the same. */
export const protocols = ["v1", "v2"] as const;

/** What a share is answered with: accepted, or a reason of protocol/reasons.ts. */
export const shareResults = [
  "accepted",
  "job-not-found",
  "stale",
  "duplicate",
  "low-difficulty",
  "unauthorized",
  "not-subscribed",
  "malformed",
  "ntime-out-of-range",
  "version-bits-not-allowed",
  "unavailable",
] as const;

export const shareRefusals = shareResults.filter((result) => result !== "accepted");

/** Whether shares can be made durable: all well, little space left, no more shares taken, a write failed. */
export const journalStates = ["ok", "alarm", "refusing", "failed"] as const;

export const jobKinds = ["first", "full"] as const;

/** States of a node and why calls fail, as node/ has them. */
export const nodeStates = [
  "starting",
  "healthy",
  "refused",
  "disconnected",
  "timeout",
  "unauthorized",
  "http-error",
  "malformed",
  "warming-up",
  "initial-download",
  "no-peers",
  "wrong-chain",
] as const;
export const nodeFaults = [
  ...nodeStates.filter((state) => state !== "starting" && state !== "healthy"),
  "rpc-error",
] as const;

export const tipSources = ["zmq", "longpoll", "poll"] as const;

export const disconnectCauses = [
  "peer",
  "http",
  "not-stratum",
  "proxy-header",
  "not-admitted",
  "tls-not-offered",
  "tls-failed",
  "greeting-timeout",
  "line-too-long",
  "garbage",
  "penalty",
  "subscribe-timeout",
  "authorize-timeout",
  "idle",
  "slow-reader",
  "write-timeout",
  "handshake-timeout",
  "handshakes-full",
  "frame-broken",
  "frame-too-long",
  "first-message",
  "setup-refused",
  "setup-timeout",
  "channel-timeout",
  "unavailable",
  "failed",
  "suspended",
  "moved",
  "shutdown",
] as const;

export const connectionRefusals = [
  "connections",
  "connections-per-address",
  "connections-per-subnet",
  "connection-rate",
  "banned",
] as const;

/** What bad behaviour led to. */
export const penaltiesTaken = ["warn", "slow", "drop", "ban"] as const;

/** What Stratum V2's messages are answered with: all well, or an error code of protocol/v2/errors.ts. */
export const setupResults = [
  "accepted",
  "unsupported-feature-flags",
  "unsupported-protocol",
  "protocol-version-mismatch",
] as const;
export const channelKinds = ["standard", "extended"] as const;
export const channelOpenResults = [
  ...channelKinds,
  "unknown-user",
  "max-target-out-of-range",
  "invalid-nominal-hashrate",
  "unsupported-min-extranonce-size",
  "extended-channels-not-supported-for-standard-jobs",
  "channel-capacity-exhausted",
] as const;
export const channelUpdateResults = [
  "accepted",
  "invalid-channel-id",
  "invalid-nominal-hashrate",
  "max-target-out-of-range",
] as const;

export const blockStates = ["candidate", "submitted", "immature", "mature", "orphaned"] as const;

/** How a look at the pool's blocks in the chain ended. */
export const lookResults = ["whole", "broken-off"] as const;

/** What one node says to one block. */
export const submissionResults = ["accepted", "unknown", "refused"] as const;

/** What a node says to a job's shape in proposal mode. */
export const proposalResults = ["accepted", "refused"] as const;
