/**
 * One peer as messages in and messages out, over TCP or TLS: what every protocol's connection does. How bytes are cut
 * into messages is the protocol's: see line-connection.ts and v2/frame-connection.ts. What it speaks is known before:
 * see arrival.ts.
 *
 *   open ──finish()──► finishing (reads no more, sends what is owed) ──► closed
 *     ├──────────────────────── close() ─────────────────────────────────┘
 *     └──handOver()──► moving ──► the socket is somebody else's
 */
import type { Socket } from "node:net";
import type { Flusher } from "./flusher.ts";
import type { CloseReason } from "./metrics.ts";
import { descriptorOf, hasDescriptor, stopReading } from "./socket-descriptor.ts";
import { disown, type SocketOwner, setOwner } from "./socket-owner.ts";
import type { MessageReader, Splitter } from "./splitter.ts";
import { messageCost, type Turns, type Waiting } from "./turns.ts";

export interface ConnectionLimits {
  readonly queuedBytes: number;
}

/** What stands behind a connection. Exceptions end this connection only. */
export interface ConnectionHandler {
  /** Everything that has come and is not handed on: see MessageReader. */
  messages(bytes: Buffer, from: number): number;
  /** One message, as the splitter cuts them; valid during the call only. */
  message(bytes: Buffer): void;
  /** What came cannot be cut into messages, or is too long for one: the last chance to say so. */
  unreadable(): void;
  /** The client will send no more, and everything before was handed on. */
  ended(): void;
  /** All that was written has left this process. */
  drained(): void;
  closed(reason: CloseReason): void;
  failed(error: unknown): void;
}

/** Why nothing is read for a while; reading goes on when no reason is left. */
const pauseReasons = { answers: 1, penalty: 2, turn: 4 } as const;
export type PauseReason = keyof typeof pauseReasons;

interface Moving {
  readonly unread: Buffer;
  readonly taken: (socket: Socket, unread: Buffer) => void;
}

/** How long the last answers may take to be known and read. */
const finishMs = 5000;
/** More than this of messages at once are no miner's, and must wait when a turn is used up. */
const fewBytes = 4_096;

export abstract class Connection implements SocketOwner, MessageReader, Waiting {
  /** The client's own address, though a proxy stands between. */
  readonly remote: string;
  /** Whether its first message of a turn need not wait for others: see turns.ts. */
  isTrusted = true;
  /** Bytes that may wait for its client beside those that may for any. */
  allowance = 0;
  readonly #socket: Socket;
  /** The TCP socket; another one than `#socket` under TLS. */
  readonly #tcp: Socket;
  readonly #flusher: Flusher;
  readonly #turns: Turns;
  readonly #limits: ConnectionLimits;
  protected abstract readonly splitter: Splitter;
  #handler: ConnectionHandler | undefined;
  #state: "open" | "moving" | "finishing" | "closed" = "open";
  #moving: Moving | undefined;
  #reason: CloseReason = "peer";
  /** Asked of Node once: that takes longer than all else of a broadcast. */
  #descriptor = -1;
  #pauses = 0;
  /** The turn in which something was last taken, and how much. */
  #turn = -1;
  #spent = 0;
  #waitsForTurn = false;
  /** The client has ended its side, and messages from before wait. */
  #endsLater = false;
  /** Infinite when nothing is stuck, or not yet. */
  #stuckSinceMs = Number.POSITIVE_INFINITY;
  #finishByMs = Number.POSITIVE_INFINITY;

  /** @param tcp what `socket` runs over when it is a TLS socket. */
  constructor(
    socket: Socket,
    remote: string,
    flusher: Flusher,
    turns: Turns,
    limits: ConnectionLimits,
    tcp: Socket = socket,
  ) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.remote = remote;
    this.#flusher = flusher;
    this.#turns = turns;
    this.#limits = limits;
  }

  /** Whether something is queued that has not been written. */
  protected abstract get hasQueued(): boolean;
  /** Everything queued, as it goes over the wire; nothing is queued afterwards. */
  protected abstract takeQueued(): string | Uint8Array;

  get isOpen(): boolean {
    return this.#state === "open";
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  get isEncrypted(): boolean {
    return this.#tcp !== this.#socket;
  }

  /** Takes the socket over from whoever owned it. @param firstBytes what has been read of it. */
  start(handler: ConnectionHandler, firstBytes: Buffer): void {
    this.#handler = handler;
    setOwner(this.#socket, this);
    if (firstBytes.length > 0) this.data(firstBytes);
  }

  /** To be called when the first thing is queued: everything queued within a turn is one write. */
  protected planFlush(): void {
    this.#flusher.add(this);
  }

  flush(): void {
    if (this.#state === "closed" || !this.hasQueued) return;
    this.#socket.write(this.takeQueued());
    this.#checkBacklog();
  }

  /** Writes bytes as they are, behind what is queued. */
  protected write(bytes: Uint8Array): void {
    this.flush();
    if (this.#state === "closed") return;
    this.#socket.write(bytes);
    this.#checkBacklog();
  }

  /** Whether all that was written has left the stream. */
  protected get isDrained(): boolean {
    return this.#socket.writableLength === 0;
  }

  /** Of the TCP connection: what the kernel knows of its round trips is asked by this. -1 when there is none. */
  get descriptor(): number {
    if (this.#state === "closed" || !hasDescriptor(this.#tcp)) return -1;
    if (this.#descriptor < 0) this.#descriptor = descriptorOf(this.#tcp);
    return this.#descriptor;
  }

  /** Whether `bytes` more would exceed what may wait for this client. */
  isBehind(bytes: number): boolean {
    const queued = this.#socket.writableLength;
    return queued > 0 && queued + bytes > this.#limits.queuedBytes + this.allowance;
  }

  pauseReading(reason: PauseReason): void {
    // One that finishes reads on, and passes over what it reads: see there.
    if (this.#state !== "open") return;
    if (this.#pauses === 0) this.#socket.pause();
    this.#pauses |= pauseReasons[reason];
  }

  resumeReading(reason: PauseReason): void {
    const before = this.#pauses;
    this.#pauses &= ~pauseReasons[reason];
    if (before === this.#pauses) return;
    if (this.#pauses === 0) this.#socket.resume();
    else if (this.#pauses === pauseReasons.turn) this.#waitForTurn();
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

  /**
   * Gives the socket away, as it is, from within `message`: what has come behind it goes with it.
   * @param unread goes before that; copied.
   * @param taken gets the socket as soon as all of that is known.
   * @returns whether that is possible: not under TLS, nor while something waits to be sent.
   */
  protected giveAway(unread: Buffer, taken: (socket: Socket, unread: Buffer) => void): boolean {
    this.flush();
    if (this.#state !== "open" || this.isEncrypted || this.#socket.writableLength > 0) return false;
    this.#state = "moving";
    this.#moving = { unread: Buffer.from(unread), taken };
    return true;
  }

  /** Looks after the deadlines of writing. */
  sweep(nowMs: number, writeMs: number): void {
    if (nowMs >= this.#finishByMs) this.close(this.#reason);
    if (this.#socket.writableLength === 0) this.#stuckSinceMs = Number.POSITIVE_INFINITY;
    else if (this.#stuckSinceMs > nowMs) this.#stuckSinceMs = nowMs;
    if (nowMs - this.#stuckSinceMs >= writeMs) this.close("write-timeout");
  }

  data(chunk: Buffer): void {
    if (this.#state !== "open") return;
    try {
      this.#take(this.splitter.push(chunk, this));
    } catch (error) {
      this.#handler?.failed(error);
    }
  }

  /** Messages that had to wait have their turn, unless something else holds them by now. */
  goOn(): void {
    this.#waitsForTurn = false;
    if (this.#state !== "open" || this.#pauses !== pauseReasons.turn) return;
    this.#pauses = 0;
    try {
      this.#take(this.splitter.resume(this));
    } catch (error) {
      this.#handler?.failed(error);
    }
    if (this.#state !== "open" || this.#pauses !== 0) return;
    this.#socket.resume();
    if (this.#endsLater) this.ended();
  }

  /** @param isReadable whether the splitter could go on. */
  #take(isReadable: boolean): void {
    if (this.#moving !== undefined) {
      this.#leave(this.#moving);
    } else if (this.#state !== "open") {
      this.splitter.takeRest();
    } else if (!isReadable) {
      this.#handler?.unreadable();
    } else if (this.splitter.holdsMessages) {
      this.pauseReading("turn");
      if (this.#pauses === pauseReasons.turn) this.#waitForTurn();
    }
  }

  #waitForTurn(): void {
    if (this.#waitsForTurn) return;
    this.#waitsForTurn = true;
    this.#turns.wait(this);
  }

  mayTake(bytes: number): boolean {
    if (this.#state !== "open") return false;
    this.#followTurn();
    const cost = bytes + messageCost;
    if (!this.#turns.grants(this.#spent, cost, this.isTrusted)) return false;
    this.#spent += cost;
    return true;
  }

  #followTurn(): void {
    if (this.#turn === this.#turns.number) return;
    this.#turn = this.#turns.number;
    this.#spent = 0;
  }

  /** What comes behind the message that ended the connection is not read any more. */
  messages(bytes: Buffer, from: number): number {
    if (this.#state !== "open" || this.#handler === undefined) return from;
    const isMuch = bytes.length - from > fewBytes;
    if (isMuch && this.#turns.isUsedUp) return from;
    const to = this.#handler.messages(bytes, from);
    if (isMuch && to > from) {
      this.#followTurn();
      this.#spent += to - from;
      this.#turns.spend(to - from);
    }
    return to;
  }

  message(bytes: Buffer): void {
    if (this.#state === "open") this.#handler?.message(bytes);
  }

  #leave({ unread, taken }: Moving): void {
    // Behind the message that moves it none was taken.
    const rest = this.splitter.takeRest() ?? Buffer.alloc(0);
    this.#state = "closed";
    this.#moving = undefined;
    disown(this.#socket);
    stopReading(this.#socket);
    // Nothing is left that would close it: whoever has the socket now does.
    this.#handler?.closed("moved");
    this.#handler = undefined;
    taken(this.#socket, Buffer.concat([unread, rest]));
  }

  ended(): void {
    if (this.#state !== "open") return;
    if (this.splitter.holdsMessages) {
      this.#endsLater = true;
      return;
    }
    try {
      const rest = this.splitter.takeRest();
      if (rest !== undefined) this.#handler?.message(rest);
      if (this.#state === "open") this.#handler?.ended();
    } catch (error) {
      this.#handler?.failed(error);
    }
  }

  drained(): void {
    if (this.#state !== "open") return;
    try {
      this.#handler?.drained();
    } catch (error) {
      this.#handler?.failed(error);
    }
  }

  closed(): void {
    this.#state = "closed";
    if (this.hasQueued) this.takeQueued();
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.closed(this.#reason);
  }

  #checkBacklog(): void {
    const most = this.#limits.queuedBytes + this.allowance;
    if (this.#socket.writableLength > most) this.close("slow-reader");
  }
}
