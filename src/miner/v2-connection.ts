/** A socket with Stratum V2's handshake and frames on it: the client's side. */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { Clock } from "../clock.ts";
import { FrameCursor } from "../protocol/v2/frame.ts";
import type { FrameTransport, TransportKeys } from "../protocol/v2/frame-transport.ts";
import { createEllswiftKey } from "../protocol/v2/noise/ellswift.ts";
import { act2Bytes, finish, HandshakeFailure } from "../protocol/v2/noise/handshake.ts";
import { type AnyCodec, findMessage } from "../protocol/v2/registry.ts";

export interface V2ConnectionOptions {
  readonly host: string;
  readonly port: number;
  /** 32 bytes: nobody else is spoken with. */
  readonly authorityKey: Uint8Array;
  readonly transports: (keys: TransportKeys) => FrameTransport;
  readonly clock: Clock;
}

export interface V2ConnectionEvents {
  /** The other side is who it has to be: frames may be sent. */
  secured(): void;
  /** A message that is known; its bytes are the receiver's to keep. */
  message(codec: AnyCodec, payload: Buffer): void;
  /** Once, whatever the cause. */
  closed(why: string): void;
}

/** Pools send large coinbases; nothing sane is longer. */
const maxPayloadBytes = 1 << 19;
/** Pools speak at least every half minute, once they have begun. */
const silenceMs = 300_000;
const firstSilenceMs = 30_000;

export class V2Connection {
  readonly #options: V2ConnectionOptions;
  readonly #events: V2ConnectionEvents;
  readonly #socket: Socket;
  readonly #ephemeral = createEllswiftKey(randomBytes);
  #before: Buffer = Buffer.alloc(0);
  #transport: FrameTransport | undefined;
  #why = "the pool closed the connection";

  constructor(options: V2ConnectionOptions, events: V2ConnectionEvents) {
    const { host, port } = options;
    this.#options = options;
    this.#events = events;
    this.#socket = connect({ host, port, noDelay: true, keepAlive: true });
    this.#socket.setTimeout(firstSilenceMs, () => this.close("the pool is silent"));
    this.#socket.on("connect", () => this.#socket.write(this.#ephemeral.ellswift));
    this.#socket.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#socket.on("error", (error) => {
      this.#why = error.message;
    });
    this.#socket.on("close", () => {
      this.#transport?.close();
      this.#events.closed(this.#why);
    });
  }

  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  /** Whole frames, back to back, once the connection is secured; goes nowhere when it is closed. */
  send(frames: Uint8Array): void {
    if (!this.isClosed && this.#transport !== undefined) this.#socket.write(this.#transport.seal(frames));
  }

  close(why: string): void {
    if (this.isClosed) return;
    this.#why = why;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#transport === undefined) this.#shakeHands(chunk);
    else this.#open(this.#transport, chunk);
  }

  #shakeHands(chunk: Buffer): void {
    this.#before = Buffer.concat([this.#before, chunk]);
    if (this.#before.length < act2Bytes) return;
    const { authorityKey, transports, clock } = this.#options;
    const nowSeconds = Math.floor(clock.wallMs() / 1000);
    const keys = finish(this.#before.subarray(0, act2Bytes), this.#ephemeral, authorityKey, nowSeconds);
    if (keys instanceof HandshakeFailure) {
      this.close(keys.sentence.replace(/\.$/, ""));
      return;
    }
    const rest = this.#before.subarray(act2Bytes);
    this.#before = Buffer.alloc(0);
    this.#transport = transports({ receive: keys.receiveKey, send: keys.sendKey });
    this.#socket.setTimeout(silenceMs);
    this.#events.secured();
    if (rest.length > 0) this.#open(this.#transport, rest);
  }

  #open(transport: FrameTransport, chunk: Buffer): void {
    const { frames, problem } = transport.open(chunk, () => maxPayloadBytes);
    // A copy: the transport writes there again.
    const cursor = new FrameCursor(Buffer.from(frames));
    while (!this.isClosed && cursor.next()) {
      const codec = findMessage(cursor.extensionType, cursor.messageType);
      if (codec !== undefined) this.#events.message(codec, cursor.payload);
    }
    if (problem === "broken") this.close("what the pool sent was changed on the way");
    if (problem === "too-long") this.close("the pool sent a message without an end");
  }
}
