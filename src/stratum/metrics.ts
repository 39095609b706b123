import type { Reason } from "../protocol/reasons.ts";

/** Why a connection ended: a closed list, for logs and metrics. */
export type CloseReason =
  | "peer"
  | "http"
  | "not-stratum"
  | "line-too-long"
  | "garbage"
  | "subscribe-timeout"
  | "authorize-timeout"
  | "idle"
  | "slow-reader"
  | "write-timeout"
  | "unavailable"
  | "failed"
  | "suspended"
  | "shutdown";

/** Why a connection was not let in. */
export type AdmissionRefusal =
  | "connections"
  | "connections-per-address"
  | "connections-per-subnet"
  | "connection-rate"
  | "banned";

/** What the Stratum server has to say in numbers; every argument is from a closed list. */
export interface StratumMetrics {
  connectionOpened(): void;
  connectionClosed(reason: CloseReason): void;
  connectionRefused(reason: AdmissionRefusal): void;
  /** Open connections that have subscribed. */
  subscribed(count: number): void;
  authorizeAnswered(result: "true" | "false"): void;
  /** A submission refused before it could be judged; those that are judged are counted by shares/. */
  submissionRefused(reason: Reason): void;
  malformedLine(): void;
  /** An exception in one session: a bug, contained. */
  sessionFailed(): void;
  /** A connection was assigned another difficulty than before. */
  difficultyChanged(): void;
  /** A job has been handed to every session that takes part. */
  broadcastDone(seconds: number): void;
}
