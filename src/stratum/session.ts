import type { Reconnect } from "../protocol/v1/reconnect.ts";
import type { Guest } from "./admission.ts";
import type { Receiver } from "./broadcast.ts";
import type { Connection } from "./connection.ts";
import type { CloseReason } from "./metrics.ts";

/** What a connection has become, whatever it speaks: what the port, discipline and drains ask of it. */
export interface StratumSession extends Receiver {
  readonly connection: Connection;
  /** The address that it comes from, as one with all its other connections. */
  readonly guest: Guest | undefined;
  /** Whether it has work, so that its round trips matter. */
  readonly isMining: boolean;
  /** Looks after deadlines and difficulty; called every second or so. */
  sweep(nowMs: number): void;
  /** What the kernel measured on its connection. */
  measured(roundTripMs: number): void;
  /** Words for a person, where the device has somewhere to show them. @returns whether it has. */
  show(text: string): boolean;
  /** Reads nothing until then. */
  slowDown(untilMs: number): void;
  /** Ends the connection when all that was asked is answered. */
  finish(reason: CloseReason): void;
  /** Whether a request to connect anew is understood, and followed there. */
  followsReconnect(elsewhere: Reconnect | undefined): boolean;
  askToReconnect(elsewhere: Reconnect | undefined): void;
}
