import type { Reason } from "../protocol/reasons.ts";
import type { OpenErrorCode, SetupErrorCode, UpdateErrorCode } from "../protocol/v2/errors.ts";

/** Why a connection ended: a closed list, for logs and metrics. */
export type CloseReason =
  | "peer"
  | "http"
  | "not-stratum"
  | "proxy-header"
  | "not-admitted"
  | "tls-not-offered"
  | "tls-failed"
  | "greeting-timeout"
  | "line-too-long"
  | "garbage"
  | "penalty"
  | "subscribe-timeout"
  | "authorize-timeout"
  | "idle"
  | "slow-reader"
  | "write-timeout"
  | "handshake-timeout"
  | "handshakes-full"
  | "frame-broken"
  | "frame-too-long"
  | "first-message"
  | "setup-refused"
  | "setup-timeout"
  | "channel-timeout"
  | "unavailable"
  | "failed"
  | "suspended"
  | "moved"
  | "shutdown";

/** Why a connection was not let in. */
export type AdmissionRefusal =
  | "connections"
  | "connections-per-address"
  | "connections-per-subnet"
  | "connection-rate"
  | "banned";

/** What a peer's offences led to. */
export type PenaltyTaken = "warn" | "slow" | "drop" | "ban";

/** What the Stratum server has to say in numbers; every argument is from a closed list. */
export interface StratumMetrics {
  connectionOpened(): void;
  connectionClosed(reason: CloseReason): void;
  connectionRefused(reason: AdmissionRefusal): void;
  /** Open connections that have subscribed. */
  subscribed(count: number): void;
  /** A subscription took up an earlier session. */
  sessionResumed(): void;
  /** A client was matched with a firmware profile. */
  firmwareSeen(profile: string): void;
  authorizeAnswered(result: "true" | "false"): void;
  /** A submission refused before it could be judged; those that are judged are counted by shares/. */
  submissionRefused(protocol: "v1" | "v2", reason: Reason): void;
  /** Submissions of clients of one firmware profile were refused, whoever judged them. */
  sharesRefused(firmware: string, reason: Reason, submissions: number): void;
  malformedLine(): void;
  penalty(taken: PenaltyTaken): void;
  /** An exception in one session: a bug, contained. */
  sessionFailed(): void;
  /** A connection was assigned another difficulty than before. */
  difficultyChanged(): void;
  /** A job has been handed to every session that takes part. */
  broadcastDone(seconds: number): void;
  /** What the kernel measured on a connection. */
  roundTrip(seconds: number): void;

  /** Stratum V2: a handshake was answered so long after it was asked for. */
  handshakeAnswered(seconds: number): void;
  /** Ephemeral keys made ahead now. */
  ephemeralKeys(count: number): void;
  setupAnswered(result: "accepted" | SetupErrorCode): void;
  channelOpenAnswered(result: "standard" | "extended" | OpenErrorCode): void;
  channelUpdateAnswered(result: "accepted" | UpdateErrorCode): void;
  /** Open channels of this process. */
  channels(standard: number, extended: number): void;
  /** A well-formed message that a server does not expect, or of a kind that it does not know. */
  messageIgnored(): void;
  malformedFrame(): void;
}
