/**
 * A connection before it is known who comes and what is spoken.
 *
 *   PROXY header? ──► first bytes ──► { … Stratum V1 ─────────────────────────► welcome
 *   (from those       ├──► 64 bytes that are nothing else: V2's key ──────────► welcome
 *    who must)        ├──► 16 03  TLS ──handshake──► first bytes ──► V1 or V2 ► welcome
 *                     ├──► GET …  HTTP: a short answer, closed
 *                     └──► anything else: closed, once it is long enough to tell
 *
 * Whatever does not get that far in time is closed; nothing of it is kept but the bytes that do not tell yet.
 */
import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import { readProxyHeader } from "../protocol/proxy-header.ts";
import type { CloseReason } from "./metrics.ts";
import { httpAnswer, speaks } from "./sniff.ts";
import { disown, type SocketOwner, setOwner } from "./socket-owner.ts";

/** A peer that is known: from whom it comes, over what, and what it speaks. */
export interface Arrived {
  readonly protocol: "v1" | "v2";
  readonly socket: Socket;
  /** What `socket` runs over: itself, unless it is TLS. */
  readonly tcp: Socket;
  readonly remote: string;
  /** What has been read. */
  readonly firstBytes: Buffer;
}

/** Who receives those that arrive; the same for all of a port. */
export interface Reception {
  /** Undefined: no certificate, TLS is turned away. */
  secureContext(): SecureContext | undefined;
  /** The address is known by a PROXY header now. @returns whether it may come in. */
  introduced(arrival: Arrival, remote: string): boolean;
  welcome(arrival: Arrival, arrived: Arrived): void;
  /** It is over before it began. */
  gone(arrival: Arrival, reason: CloseReason): void;
}

export class Arrival implements SocketOwner {
  readonly arrivedMs: number;
  readonly #reception: Reception;
  readonly #tcp: Socket;
  /** Who hears from whom: the TCP socket, later the TLS socket over it. */
  #socket: Socket;
  #remote: string;
  #expectsProxyHeader: boolean;
  #bytes: Buffer = Buffer.alloc(0);
  #reason: CloseReason = "peer";
  /** Its answer is on the way: what still comes is thrown away. */
  #isAnswered = false;
  #isOver = false;

  /** @param expectsProxyHeader whether the first thing must be a PROXY header. */
  constructor(tcp: Socket, remote: string, expectsProxyHeader: boolean, reception: Reception, nowMs: number) {
    this.arrivedMs = nowMs;
    this.#reception = reception;
    this.#tcp = tcp;
    this.#socket = tcp;
    this.#remote = remote;
    this.#expectsProxyHeader = expectsProxyHeader;
    setOwner(tcp, this);
  }

  /** Where it comes from: a proxy, until its PROXY header is read. */
  get remote(): string {
    return this.#remote;
  }

  /** Whether it still stands for somebody else. */
  get isUnknown(): boolean {
    return this.#expectsProxyHeader;
  }

  /** Whether something came that does not tell yet, or a TLS handshake is under way. */
  get hasBegun(): boolean {
    return this.#bytes.length > 0 || this.#socket !== this.#tcp;
  }

  /** Whatever it was about to say: time is up, or the pool goes. */
  close(reason: CloseReason): void {
    if (this.#isOver) return;
    if (!this.#isAnswered) this.#reason = reason;
    this.#socket.destroy();
  }

  data(chunk: Buffer): void {
    if (this.#isOver || this.#isAnswered) return;
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    if (this.#expectsProxyHeader && !this.#readProxyHeader()) return;
    this.#tell();
  }

  /** A peer that stops here has said nothing. */
  ended(): void {
    this.close("peer");
  }

  drained(): void {}

  /** Who goes in the middle of a handshake, as a health check does, has broken nothing. */
  failed({ code = "" }: NodeJS.ErrnoException): void {
    if (this.#reason === "peer" && /^(EPROTO|ERR_SSL_|ERR_TLS_)/.test(code)) this.#reason = "tls-failed";
  }

  closed(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#tcp.destroy();
    this.#reception.gone(this, this.#reason);
  }

  /** @returns whether the header has been read and the peer may come in. */
  #readProxyHeader(): boolean {
    const reading = readProxyHeader(this.#bytes);
    switch (reading.kind) {
      case "incomplete":
        return false;
      case "none":
      case "invalid":
        this.close("proxy-header");
        return false;
      case "header":
        return this.#introduce(reading.source?.address ?? this.#remote, reading.length);
    }
  }

  #introduce(remote: string, headerBytes: number): boolean {
    this.#bytes = this.#bytes.subarray(headerBytes);
    if (!this.#reception.introduced(this, remote)) {
      this.close("not-admitted");
      return false;
    }
    this.#remote = remote;
    this.#expectsProxyHeader = false;
    return true;
  }

  #tell(): void {
    if (this.#bytes.length === 0) return;
    switch (speaks(this.#bytes)) {
      case "too-short-to-tell":
        return;
      case "stratum-v1":
        this.#welcome("v1");
        return;
      case "stratum-v2":
        this.#welcome("v2");
        return;
      case "tls":
        this.#startTls();
        return;
      case "http":
        this.#answerHttp();
        return;
      case "proxy":
        this.close("proxy-header");
        return;
      case "unknown":
        this.close("not-stratum");
    }
  }

  #welcome(protocol: Arrived["protocol"]): void {
    this.#isOver = true;
    this.#reception.welcome(this, {
      protocol,
      socket: this.#socket,
      tcp: this.#tcp,
      remote: this.#remote,
      firstBytes: this.#bytes,
    });
  }

  #startTls(): void {
    const secureContext = this.#reception.secureContext();
    const isNested = this.#socket !== this.#tcp;
    if (secureContext === undefined || isNested) {
      this.close(isNested ? "not-stratum" : "tls-not-offered");
      return;
    }
    const bytes = this.#bytes;
    this.#bytes = Buffer.alloc(0);
    disown(this.#tcp);
    this.#tcp.pause();
    this.#tcp.unshift(bytes);
    const secure = new TLSSocket(this.#tcp, { isServer: true, secureContext });
    this.#socket = secure;
    setOwner(secure, this);
    secure.on("_tlsError", onTlsError);
  }

  /** The peer closes when it has read the answer. What is left unread when a socket closes would take it away. */
  #answerHttp(): void {
    this.#reason = "http";
    this.#isAnswered = true;
    this.#socket.end(httpAnswer);
  }
}

/**
 * A broken record after the handshake, or renegotiation over and over. Node tells of it by this event alone, and closes
 * nothing, unless its own server made the socket.
 */
function onTlsError(this: TLSSocket, error: Error): void {
  this.destroy(error);
}
