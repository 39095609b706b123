/**
 * Handshakes of Stratum V2, in a thread: half a millisecond each would be felt by every miner in the event loop. The thread
 * begins with the first of them: a worker that nobody speaks V2 to has none, and the rush after a restart has the processor.
 */
import { Worker } from "node:worker_threads";
import type { Clock } from "../../clock.ts";
import type { Logger } from "../../log/index.ts";
import type { Identity, Response } from "../../protocol/v2/noise/handshake.ts";
import {
  type FromHandshakeThread,
  type HandshakeThreadData,
  type ToHandshakeThread,
  unpackResponses,
} from "./handshake-messages.ts";

export interface HandshakesOptions {
  readonly identity: Identity;
  /** Handshakes that may wait; at a millisecond each this many are answered within seconds. */
  readonly mostWaiting: number;
  /** Ephemeral keys made ahead. */
  readonly stock: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: HandshakeMetrics;
  /** For a thread of another kind; it stands in for node:worker_threads. */
  readonly start?: (data: HandshakeThreadData) => HandshakeThread;
}

export interface HandshakeMetrics {
  /** A handshake was answered so long after it was asked for. */
  answered(seconds: number): void;
  /** Ephemeral keys made ahead now. */
  stock(keys: number): void;
}

/** What is used of a Worker. */
export interface HandshakeThread {
  postMessage(message: ToHandshakeThread): void;
  on(event: "message", listener: (message: FromHandshakeThread) => void): unknown;
  on(event: "error", listener: (error: unknown) => void): unknown;
  on(event: "exit", listener: () => void): unknown;
  terminate(): Promise<unknown>;
}

/** Undefined: the thread died, or the pool stops. */
export type HandshakeDone = (response: Response | undefined) => void;

export interface Handshakes {
  /** How many are not answered yet. */
  readonly waiting: number;
  /**
   * @param act1 64 bytes; copied.
   * @param done called once, never before this returns.
   * @returns false if too many wait, or nothing can be answered now; `done` is not called then.
   */
  respond(act1: Uint8Array, done: HandshakeDone): boolean;
  /** What is shown from now on. */
  renew(identity: Identity): void;
  /** Whoever waits is told undefined. */
  close(): Promise<void>;
}

interface Waiting {
  readonly done: HandshakeDone;
  readonly sinceMs: number;
}

const firstRetryMs = 100;
const lastRetryMs = 30_000;
/** Keys and messages are some hundred kilobytes; the rest is code. */
const resourceLimits = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 16 };

export function createHandshakes(options: HandshakesOptions): Handshakes {
  const { clock, log, metrics, mostWaiting, stock, start = startThread } = options;
  let { identity } = options;
  let thread: HandshakeThread | undefined;
  let isClosed = false;
  let retryMs = firstRetryMs;
  let retry: NodeJS.Timeout | undefined;
  /** In the order of their messages, sent or not. */
  let waiting: Waiting[] = [];
  /** What has not been sent yet: all of one turn of the event loop go together. */
  let unsent: Buffer[] = [];

  function begin(): void {
    const begun = start({ identity, stock });
    thread = begun;
    retry = undefined;
    begun.on("message", (message) => {
      if (thread === begun) hear(message);
    });
    begun.on("error", (err) => fail(begun, err));
    begun.on("exit", () => fail(begun, undefined));
  }

  function hear({ responses, stock: keys }: FromHandshakeThread): void {
    retryMs = firstRetryMs;
    metrics.stock(keys);
    const answers = unpackResponses(responses);
    const answered = waiting.splice(0, answers.length);
    for (const [index, { done, sinceMs }] of answered.entries()) {
      metrics.answered((clock.monotonicMs() - sinceMs) / 1000);
      done(answers[index]);
    }
  }

  function fail(failed: HandshakeThread, err: unknown): void {
    if (thread !== failed) return;
    thread = undefined;
    metrics.stock(0);
    log.error(
      { event: "handshake-thread-died", err, waiting: waiting.length, retryMs },
      "the thread for Stratum V2's handshakes died; another one is started",
    );
    retry = setTimeout(begin, retryMs);
    retryMs = Math.min(2 * retryMs, lastRetryMs);
    giveUp();
  }

  function giveUp(): void {
    const given = waiting;
    waiting = [];
    unsent = [];
    for (const { done } of given) done(undefined);
  }

  function send(): void {
    const acts = Buffer.concat(unsent);
    unsent = [];
    if (acts.length > 0) thread?.postMessage({ kind: "respond", acts });
  }

  metrics.stock(0);
  return {
    get waiting() {
      return waiting.length;
    },
    respond(act1, done) {
      if (thread === undefined && retry === undefined && !isClosed) begin();
      if (thread === undefined || waiting.length >= mostWaiting) return false;
      waiting.push({ done, sinceMs: clock.monotonicMs() });
      unsent.push(Buffer.from(act1));
      if (unsent.length === 1) setImmediate(send);
      return true;
    },
    renew(renewed) {
      identity = renewed;
      thread?.postMessage({ kind: "renew", identity });
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      clearTimeout(retry);
      const closing = thread;
      thread = undefined;
      giveUp();
      await closing?.terminate();
    },
  };
}

function startThread(workerData: HandshakeThreadData): HandshakeThread {
  const isSource = import.meta.url.endsWith(".ts");
  const program = new URL(
    isSource ? "./handshake-thread.source.mjs" : "./handshake-thread.js",
    import.meta.url,
  );
  return new Worker(program, { workerData, resourceLimits });
}
