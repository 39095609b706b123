/**
 * One socket as lines in and lines out.
 *
 *   open ──finish()──► finishing (reads no more, sends what is owed) ──► closed
 *     └──────────────────────── close() ─────────────────────────────────┘
 */
import type { Socket } from "node:net";
import type { Flusher } from "./flusher.ts";
import { type LineReader, LineSplitter } from "./line-splitter.ts";
import type { CloseReason } from "./metrics.ts";
import { httpAnswer, speaks } from "./sniff.ts";

export interface ConnectionLimits {
  readonly lineBytes: number;
  readonly queuedBytes: number;
}

/** What stands behind a connection. Exceptions end this connection only. */
export interface ConnectionHandler {
  /** Everything that has come and is not handed on: see LineReader. */
  lines(bytes: Buffer, from: number): number;
  /** One line without its newline; valid during the call only. */
  line(bytes: Buffer): void;
  /** A line was too long: the last chance to say so. */
  lineTooLong(): void;
  /** The client will send no more, and everything before was handed on. */
  ended(): void;
  /** All that was written has left this process. */
  drained(): void;
  closed(reason: CloseReason): void;
  failed(error: unknown): void;
}

/** How long the last answers may take to be known and read. */
const finishMs = 5000;

export class Connection {
  readonly remote: string;
  readonly #socket: Socket;
  readonly #flusher: Flusher;
  readonly #limits: ConnectionLimits;
  readonly #lines: LineSplitter;
  #handler: ConnectionHandler | undefined;
  #state: "open" | "finishing" | "closed" = "open";
  #reason: CloseReason = "peer";
  /** First bytes that do not tell the protocol yet; undefined once it is known. */
  #firstBytes: Buffer | undefined = Buffer.alloc(0);
  /** What comes behind the line that ended the connection is not read any more. */
  readonly #reader: LineReader = {
    lines: (bytes, from) => (this.#state === "open" ? (this.#handler?.lines(bytes, from) ?? from) : from),
    line: (bytes) => {
      if (this.#state === "open") this.#handler?.line(bytes);
    },
  };
  #outgoing = "";
  #stuckSinceMs: number | undefined;
  #finishByMs = Number.POSITIVE_INFINITY;

  constructor(socket: Socket, flusher: Flusher, limits: ConnectionLimits) {
    this.#socket = socket;
    this.#flusher = flusher;
    this.#limits = limits;
    this.#lines = new LineSplitter(limits.lineBytes);
    this.remote = socket.remoteAddress ?? "";
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  start(handler: ConnectionHandler): void {
    this.#handler = handler;
    const socket = this.#socket;
    socket.on("data", (chunk: Buffer) => this.#contained(() => this.#read(chunk)));
    socket.on("end", () => this.#contained(() => this.#readEnd()));
    socket.on("drain", () => this.#contained(() => this.#drained()));
    // What follows is "close"; a peer that resets its connection is nothing to report.
    socket.on("error", () => {});
    socket.on("close", () => this.#closed());
  }

  /** Queues text; everything queued within a turn is one write. */
  send(text: string): void {
    if (this.#state === "closed") return;
    if (this.#outgoing === "") this.#flusher.add(this);
    this.#outgoing += text;
  }

  /** Writes bytes that many connections share, behind what is queued. */
  sendShared(bytes: Buffer): void {
    this.flush();
    if (this.#state === "closed") return;
    this.#socket.write(bytes);
    this.#checkBacklog();
  }

  flush(): void {
    const text = this.#outgoing;
    if (text === "" || this.#state === "closed") return;
    this.#outgoing = "";
    this.#socket.write(text);
    this.#checkBacklog();
  }

  /** Whether `bytes` more would exceed what may wait for this client. */
  isBehind(bytes: number): boolean {
    const queued = this.#socket.writableLength;
    return queued > 0 && queued + bytes > this.#limits.queuedBytes;
  }

  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  /** Sends what is queued and owed, then ends; the client has five seconds to read it. */
  finish(reason: CloseReason, nowMs: number): void {
    if (this.#state !== "open") return;
    this.#state = "finishing";
    this.#reason = reason;
    this.#finishByMs = nowMs + finishMs;
    // What is left unread when a socket closes makes the kernel throw away what the peer has not read yet.
    this.#socket.resume();
  }

  /** The last word of a connection that finishes. */
  end(): void {
    if (this.#state !== "finishing") return;
    this.flush();
    if (!this.#socket.writableEnded) this.#socket.end(() => this.#socket.destroy());
  }

  /** Ends at once, dropping what is queued. */
  close(reason: CloseReason): void {
    if (this.#state === "closed") return;
    if (this.#state === "open") this.#reason = reason;
    this.#state = "closed";
    this.#socket.destroy();
  }

  /** Looks after the deadlines of writing. */
  sweep(nowMs: number, writeMs: number): void {
    if (nowMs >= this.#finishByMs) this.close(this.#reason);
    if (this.#socket.writableLength === 0) this.#stuckSinceMs = undefined;
    else this.#stuckSinceMs ??= nowMs;
    if (this.#stuckSinceMs !== undefined && nowMs - this.#stuckSinceMs >= writeMs)
      this.close("write-timeout");
  }

  #read(chunk: Buffer): void {
    if (this.#state !== "open") return;
    const bytes = this.#firstBytes === undefined ? chunk : this.#told(chunk);
    if (bytes === undefined || this.#state !== "open") return;
    const inTime = this.#lines.push(bytes, this.#reader);
    if (!inTime && this.#state === "open") this.#handler?.lineTooLong();
  }

  /** @returns all bytes so far once they are known to be Stratum; undefined while that is open or not so. */
  #told(chunk: Buffer): Buffer | undefined {
    const bytes = Buffer.concat([this.#firstBytes!, chunk]);
    const protocol = speaks(bytes);
    this.#firstBytes = protocol === "too-short-to-tell" ? bytes : undefined;
    if (protocol === "stratum-v1") return bytes;
    if (protocol === "http") this.#answerHttp();
    else if (protocol !== "too-short-to-tell") this.close("not-stratum");
    return undefined;
  }

  #answerHttp(): void {
    this.#state = "finishing";
    this.#reason = "http";
    this.#socket.end(httpAnswer, () => this.#socket.destroy());
  }

  #readEnd(): void {
    if (this.#state !== "open") return;
    const rest = this.#lines.takeRest();
    if (rest !== undefined) this.#handler?.line(rest);
    if (this.#state === "open") this.#handler?.ended();
  }

  #drained(): void {
    if (this.#state === "open") this.#handler?.drained();
  }

  #checkBacklog(): void {
    if (this.#socket.writableLength > this.#limits.queuedBytes) this.close("slow-reader");
  }

  #closed(): void {
    this.#state = "closed";
    this.#outgoing = "";
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.closed(this.#reason);
  }

  #contained(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#handler?.failed(error);
    }
  }
}
