/** What came out of bytes that were received. */
export interface Opened {
  /** Whole frames as plaintext, back to back; valid during the call only, until something is opened again. */
  readonly frames: Buffer;
  /**
   * Why nothing more will come, behind these frames: something was not sealed by the other side, or a payload is longer
   * than its message may be.
   */
  readonly problem: undefined | "broken" | "too-long";
}

/** Payload bytes that a message may have at most. The extension's type comes without the channel bit. */
export type MostPayload = (extensionType: number, messageType: number) => number;

/** Both directions of a Stratum V2 connection after its handshake, section 4.6: plaintext frames ⇄ sealed bytes. */
export interface FrameTransport {
  /** Takes what has come, in whatever pieces. */
  open(chunk: Uint8Array, mostPayload: MostPayload): Opened;
  /** @param frames whole ones, back to back. @returns bytes of the caller's own. */
  seal(frames: Uint8Array): Buffer;
  /** Frees what has come of an unfinished frame; from now on nothing can be opened. */
  close(): void;
}

export interface TransportOptions {
  /** Payloads up to this many bytes are taken without asking for their bound: most, so that asking costs nothing. */
  readonly longPayload: number;
  /** Whether a payload above its bound is opened and forgotten, and does not end the connection. Default: none is. */
  readonly discards?: ((extensionType: number, messageType: number) => boolean) | undefined;
}

export interface TransportKeys {
  /** 32 bytes each. */
  readonly receive: Uint8Array;
  readonly send: Uint8Array;
}
