/** What a miner and its pool have to do with each other, whatever the protocol. A client is for one connection. */
export interface PoolClient {
  /** `closed` follows, with this reason. */
  close(why: string): void;
}

export interface PoolClientEvents {
  /** Takes the place of all work before it. */
  work(work: Work): void;
  /** The pool will not have this miner, ever; why, in a sentence without its full stop. */
  refused(sentence: string): void;
  /** The pool's words for people. */
  message(text: string): void;
  /** Once, whatever the cause; shares that are still open have been settled as unanswered. */
  closed(why: string): void;
}

/** As many headers as anybody could ask for. */
export interface Work {
  /** Shares of earlier work are worth nothing any more. */
  readonly clean: boolean;
  /**
   * @param index each gives another header, on other work of the connection, too.
   * @param elapsedSeconds since the work came.
   */
  unit(index: number, elapsedSeconds: number): WorkUnit;
}

/** One header with all its nonces: what a thread scans. */
export interface WorkUnit {
  readonly header: Uint8Array;
  /** 32 bytes, little-endian. */
  readonly target: Uint8Array;
  /** Hands in a share. */
  submit(nonce: number): Promise<Outcome>;
}

export type Outcome =
  | { readonly kind: "accepted" }
  | { readonly kind: "rejected"; readonly why: string }
  /** The connection ended before the answer. */
  | { readonly kind: "unanswered" };

export const accepted: Outcome = { kind: "accepted" };
export const unanswered: Outcome = { kind: "unanswered" };
