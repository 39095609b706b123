import type { Socket } from "node:net";
import { Connection, type ConnectionLimits } from "./connection.ts";
import type { Flusher } from "./flusher.ts";
import { LineSplitter } from "./line-splitter.ts";
import type { Turns } from "./turns.ts";

export interface LineConnectionLimits extends ConnectionLimits {
  readonly lineBytes: number;
}

const newline = Buffer.from("\n");

/** A peer that speaks lines of text: Stratum V1. */
export class LineConnection extends Connection {
  protected readonly splitter: LineSplitter;
  #outgoing = "";

  /** @param tcp what `socket` runs over when it is a TLS socket. */
  constructor(
    socket: Socket,
    remote: string,
    flusher: Flusher,
    turns: Turns,
    limits: LineConnectionLimits,
    tcp: Socket = socket,
  ) {
    super(socket, remote, flusher, turns, limits, tcp);
    this.splitter = new LineSplitter(limits.lineBytes);
  }

  /** Queues text. */
  send(text: string): void {
    if (this.isClosed) return;
    if (this.#outgoing === "") this.planFlush();
    this.#outgoing += text;
  }

  /** Writes bytes that many connections share, behind what is queued. */
  sendShared(bytes: Buffer): void {
    this.write(bytes);
  }

  /** Where bytes may be written past the stream, because nothing waits in it; -1 if something does, or under TLS. */
  get directDescriptor(): number {
    if (this.isClosed || this.hasQueued || this.isEncrypted || !this.isDrained) return -1;
    return this.descriptor;
  }

  /** Gives the socket away from within `message`: this line, and what has come behind it, goes with it. */
  handOver(line: Buffer, taken: (socket: Socket, unread: Buffer) => void): boolean {
    return this.giveAway(Buffer.concat([line, newline]), taken);
  }

  protected get hasQueued(): boolean {
    return this.#outgoing !== "";
  }

  protected takeQueued(): string {
    const text = this.#outgoing;
    this.#outgoing = "";
    return text;
  }
}
